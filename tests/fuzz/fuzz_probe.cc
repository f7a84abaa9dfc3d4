// SPDX-License-Identifier: GPL-2.0-or-later
//
// The probe's whole work on a medium, in pieces: the size (8 bytes), then offset (8 bytes), length
// (2 bytes) and content of each. For any contents, the reply can be sent, and the other end accepts
// it. make_probe_corpus.py makes the seeds.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <variant>

#include "contained/probe/examine.h"
#include "contained/probe/identify.h"
#include "contained/probe/state.h"
#include "contained/runtime/block_io.h"
#include "lib/base/byte_view.h"

namespace airlock {
namespace {

constexpr std::uint64_t kLargestMedium = std::uint64_t{1} << 40;

void require(bool held) {
  if (!held) std::abort();
}

// A sparse file, so that large media cost nothing.
UniqueFd make_medium(ByteSpan input) {
  UniqueFd file(::memfd_create("medium", MFD_CLOEXEC));
  const std::uint64_t size = load_le<std::uint64_t>(input, 0).value_or(0) % kLargestMedium;
  require(file.valid() && ::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  std::size_t at = 8;
  while (const auto length = load_le<std::uint16_t>(input, at + 8)) {
    const std::uint64_t offset = load_le<std::uint64_t>(input, at).value_or(0) % kLargestMedium;
    at += 10;
    const auto piece = input.subspan(at, std::min<std::size_t>(*length, input.size() - at));
    if (offset < size) {
      const std::size_t fits = std::min<std::uint64_t>(piece.size(), size - offset);
      require(::pwrite(file.get(), piece.data(), fits, static_cast<off_t>(offset)) ==
              static_cast<ssize_t>(fits));
    }
    at += piece.size();
  }
  return file;
}

UniqueFd only_for_reading(const UniqueFd& file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  UniqueFd reopened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(reopened.valid());
  return reopened;
}

void require_sendable(const ProbeReply& reply) {
  const auto bytes = encode_probe_reply(reply);
  require(bytes.has_value());
  const auto back = decode_probe_reply(*bytes);
  require(back.has_value() && *back == reply);
}

}  // namespace
}  // namespace airlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;  // NOLINT: this function stands for the program
  const UniqueFd file = make_medium(std::as_bytes(std::span(data, size)));
  require_sendable(probe::examine(only_for_reading(file)));
  require(std::holds_alternative<ProbeRefusal>(
      probe::examine(UniqueFd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0)))));
  // Also where libblkid would not have led: this check of a medium is separate.
  auto medium = DescriptorIo::adopt(only_for_reading(file));
  require(medium.has_value());
  for (const char* type : {"ext4", "vfat", "exfat", "ntfs"}) (void)probe::state_of(*medium, type);
  return 0;
}
