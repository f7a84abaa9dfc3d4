// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/descriptors.h"

#include <string_view>

#include "contained/iso/directory_record.h"
#include "lib/base/byte_view.h"

namespace airlock::iso {
namespace {

constexpr std::uint64_t kFirstDescriptor = 16;
constexpr std::uint64_t kMostDescriptors = 100;  // as many as Linux examines
constexpr std::size_t kIdentifier = 1, kVersion = 6, kVolumeFlags = 7, kHighSierraIdentifier = 9,
                      kVolumeBlocks = 80, kEscapeSequences = 88, kBlockSize = 128,
                      kRootRecord = 156;
constexpr std::string_view kNotIso = "this is not an ISO 9660 filesystem";

enum Type : std::uint8_t { kPrimary = 1, kSupplementary = 2, kLast = 255 };

bool has_text(std::span<const std::byte> bytes, std::size_t at, std::string_view text) {
  return text == std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, text.size());
}

// Three alphabets; all of them are UTF-16 to everybody who reads or writes them.
bool is_joliet(std::span<const std::byte> descriptor) {
  if (descriptor[kVersion] != std::byte{1} ||
      (descriptor[kVolumeFlags] & std::byte{1}) != std::byte{0})
    return false;
  return has_text(descriptor, kEscapeSequences, "%/@") ||
         has_text(descriptor, kEscapeSequences, "%/C") ||
         has_text(descriptor, kEscapeSequences, "%/E");
}

Result<Tree> tree_of(std::span<const std::byte> descriptor) {
  const std::uint32_t block = load_le<std::uint16_t>(descriptor, kBlockSize).value_or(0);
  if (block != 512 && block != 1024 && block != kSector)
    return fail(Errc::kCorrupted, "its blocks have {} bytes, which is impossible", block);
  const auto root = DirectoryRecord::decode(descriptor.subspan(kRootRecord), block);
  if (!root || !root->is_directory())
    return fail(Errc::kCorrupted, "its volume descriptor names no root directory");
  const std::uint64_t blocks = load_le<std::uint32_t>(descriptor, kVolumeBlocks).value_or(0);
  return Tree{.block_size = block, .size = blocks * block, .root = root->start()};
}

}  // namespace

Result<Trees> read_descriptors(const MediumReader& medium) {
  std::optional<Tree> primary, joliet;
  for (std::uint64_t i = 0; i < kMostDescriptors; ++i) {
    const auto bytes = medium.read_up_to((kFirstDescriptor + i) * kSector, kSector);
    // Behind the one that matters an unreadable one costs only what it would have said.
    if (!bytes && primary) break;
    if (!bytes) return fail_errno(bytes.error().value, Errc::kIo, "read the volume descriptors");
    if (bytes->size() < kSector) break;
    const std::span<const std::byte> descriptor = *bytes;
    if (i == 0 && has_text(descriptor, kHighSierraIdentifier, "CDROM"))
      return fail(Errc::kUnsupported, "this is High Sierra, which preceded ISO 9660");
    if (!has_text(descriptor, kIdentifier, "CD001")) {
      if (i == 0) return fail(Errc::kWrongFormat, kNotIso);
      break;
    }
    const auto type = std::to_integer<std::uint8_t>(descriptor[0]);
    if (type == kLast) break;
    if (type == kPrimary && !primary) {
      TRY(primary, tree_of(descriptor));
    } else if (type == kSupplementary && !joliet && is_joliet(descriptor)) {
      // Without it there are still the short names.
      if (const auto tree = tree_of(descriptor)) joliet = *tree;
    }
  }
  if (medium.size() < (kFirstDescriptor + 1) * kSector) return fail(Errc::kWrongFormat, kNotIso);
  if (!primary) return fail(Errc::kCorrupted, "it has no primary volume descriptor");
  return Trees{.primary = *primary, .joliet = joliet};
}

}  // namespace airlock::iso
