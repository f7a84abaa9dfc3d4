// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/probe/examine.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "contained/probe/identify.h"
#include "contained/probe/state.h"
#include "contained/runtime/block_io.h"

namespace airlock::probe {
namespace {

// An optical disc written in one go ends in a few blocks nobody can read, and the device counts
// them; a worn stick may have lost its last ones. What libblkid looks for there, RAID metadata and
// copies, is no reason to give up on the rest.
constexpr std::uint64_t kDoubtfulEnd = std::uint64_t{1} << 20;
constexpr std::size_t kTail = 4096;

ProbeRefusal refuse(ProbeRefusal::Reason reason, std::string words) {
  return {.reason = reason, .words = cut_text(words, ProbeRefusal::kMostWords)};
}

bool end_is_readable(BlockIo& medium) {
  std::array<std::byte, kTail> tail{};
  const std::size_t length = std::min<std::uint64_t>(kTail, medium.size());
  return medium.read(medium.size() - length, std::span(tail).first(length)).has_value();
}

// How much of the medium to look at.
std::uint64_t readable_size(BlockIo& medium) {
  if (medium.size() <= 2 * kDoubtfulEnd || end_is_readable(medium)) return medium.size();
  return medium.size() - kDoubtfulEnd;
}

bool speaks_of_the_medium(const Error& error) {
  const int number = error.cause.value();
  return number == EIO || number == ENXIO || number == ENODEV || number == ENOMEDIUM ||
         number == EREMOTEIO || number == ENODATA || number == ETIMEDOUT || number == EILSEQ ||
         number == EBADMSG || number == ESTALE;
}

ProbeRefusal explain(const Error& error) {
  return refuse(speaks_of_the_medium(error) ? ProbeRefusal::Reason::kUnreadable
                                            : ProbeRefusal::Reason::kFailed,
                error.message());
}

}  // namespace

ProbeReply examine(UniqueFd&& descriptor) {
  auto medium = DescriptorIo::adopt(std::move(descriptor));
  if (!medium) {
    if (speaks_of_the_medium(medium.error())) return explain(medium.error());
    return refuse(ProbeRefusal::Reason::kUnfit, medium.error().message());
  }
  if (medium->writable())
    return refuse(ProbeRefusal::Reason::kUnfit, "the descriptor of the medium can write");
  if (medium->size() == 0) return ProbeRecord{};
  auto record = identify(medium->descriptor(), readable_size(*medium));
  if (!record) return explain(record.error());
  if (!record->type.empty()) record->state = state_of(*medium, record->type);
  return *std::move(record);
}

}  // namespace airlock::probe
