// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/probe/identify.h"

#include <blkid/blkid.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <string_view>

#include "lib/base/c_ptr.h"
#include "lib/base/number.h"

namespace airlock::probe {
namespace {

using Probe = CPtr<std::remove_pointer_t<blkid_probe>, blkid_free_probe>;

#if defined(BLKID_SUBLKS_FSINFO)
constexpr int kSizes = BLKID_SUBLKS_FSINFO;
#else
constexpr int kSizes = 0;  // before 2.39 libblkid tells no sizes but that of a block
#endif
constexpr int kWanted = BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE |
                        BLKID_SUBLKS_VERSION | BLKID_SUBLKS_USAGE | kSizes;

// What blkid_do_safeprobe() returns; the names came later than the numbers.
constexpr int kFound = 0;
constexpr int kNothing = 1;
constexpr int kAmbivalent = -2;

Result<Probe> prepare(BorrowedFd medium, std::uint64_t size) {
  Probe probe(blkid_new_probe());
  if (!probe) return fail(Errc::kOutOfMemory, "start libblkid");
  errno = 0;
  if (blkid_probe_set_device(probe.get(), medium.get(), 0, static_cast<blkid_loff_t>(size)) != 0)
    return fail_errno(errno, errc_from_errno(errno), "give libblkid the medium");
  if (blkid_probe_enable_superblocks(probe.get(), 1) != 0 ||
      blkid_probe_set_superblocks_flags(probe.get(), kWanted) != 0 ||
      blkid_probe_enable_partitions(probe.get(), 1) != 0)
    return fail(Errc::kSystem, "tell libblkid what to look for");
  return probe;
}

// The value up to its NUL; empty when there is none.
std::string value_of(const Probe& probe, const char* name) {
  const char* data = nullptr;
  std::size_t length = 0;
  if (blkid_probe_lookup_value(probe.get(), name, &data, &length) != 0 || data == nullptr)
    return "";
  const std::string_view value(data, length);
  return std::string(value.substr(0, value.find('\0')));
}

std::uint64_t number_of(const Probe& probe, const char* name) {
  return parse_number<std::uint64_t>(value_of(probe, name)).value_or(0);
}

std::string only_if_all(std::string text, std::size_t most, bool (*fits)(char)) {
  return text.size() <= most && std::ranges::all_of(text, fits) ? std::move(text) : std::string();
}

bool fits_uuid(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
}

std::string cleaned_version(std::string text) {
  std::erase_if(text, [](char c) { return c < ' ' || c > '~'; });
  return text.substr(0, ProbeRecord::kMostVersion);
}

ProbeUsage usage_of(const Probe& probe) {
  const std::string usage = value_of(probe, "USAGE");
  if (usage == "filesystem") return ProbeUsage::kFilesystem;
  if (usage == "crypto") return ProbeUsage::kCrypto;
  if (usage == "raid") return ProbeUsage::kRaid;
  return ProbeUsage::kOther;
}

// A stick may name any size; nonsense is as good as no word.
std::uint32_t block_size_of(const Probe& probe) {
  const std::uint64_t size = number_of(probe, "BLOCK_SIZE");
  const bool sane = std::has_single_bit(size) && size <= ProbeRecord::kMostBlockSize;
  return sane ? static_cast<std::uint32_t>(size) : 0;
}

ProbeRecord record_of(const Probe& probe) {
  ProbeRecord record;
  record.type = value_of(probe, "TYPE");
  if (record.type.empty()) {
    // A filesystem counts more than a table: hybrid images of optical discs have both.
    record.type = value_of(probe, "PTTYPE");
    if (!record.type.empty()) record.usage = ProbeUsage::kPartitionTable;
    return record;
  }
  record.usage = usage_of(probe);
  record.version = cleaned_version(value_of(probe, "VERSION"));
  record.label = cut_text(value_of(probe, "LABEL"), ProbeRecord::kMostLabel);
  record.uuid = only_if_all(value_of(probe, "UUID"), ProbeRecord::kMostUuid, fits_uuid);
  record.block_size = block_size_of(probe);
  record.filesystem_size = number_of(probe, "FSSIZE");
  return record;
}

}  // namespace

Result<ProbeRecord> identify(BorrowedFd medium, std::uint64_t size) {
  TRY(const Probe probe, prepare(medium, size));
  errno = 0;
  switch (blkid_do_safeprobe(probe.get())) {
    case kFound:
      return record_of(probe);
    case kNothing:
      return ProbeRecord{};
    case kAmbivalent:
      return ProbeRecord{.ambivalent = true};
    default:
      // 2.41.5 has no other number for two signatures; a real failure leaves an errno.
      if (errno == 0) return ProbeRecord{.ambivalent = true};
      return fail_errno(errno, errc_from_errno(errno), "examine the medium");
  }
}

std::string cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  const auto inside_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
  };
  std::size_t end = most;
  // A character has at most three bytes after its first; more are no UTF-8 and are cut anywhere.
  while (end > most - 3 && inside_character(text[end])) --end;
  return std::string(text.substr(0, inside_character(text[end]) ? most : end));
}

}  // namespace airlock::probe
