// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/tag.h"

#include <array>

#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kVersion = 2, kChecksum = 4, kCrc = 8, kCrcLength = 10, kLocation = 12;
constexpr std::uint16_t kPolynomial = 0x1021;

constexpr std::array<std::uint16_t, 256> make_table() {
  std::array<std::uint16_t, 256> table = {};
  for (unsigned byte = 0; byte < table.size(); ++byte) {
    unsigned rest = byte << 8;
    for (int bit = 0; bit < 8; ++bit)
      rest = (rest & 0x8000) != 0 ? (rest << 1) ^ kPolynomial : rest << 1;
    table[byte] = static_cast<std::uint16_t>(rest);
  }
  return table;
}
constexpr auto kTable = make_table();

// Of all bytes of the tag but the one that has it.
bool has_right_checksum(std::span<const std::byte> tag) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < kTagBytes; ++i)
    if (i != kChecksum) sum += std::to_integer<unsigned>(tag[i]);
  return (sum & 0xff) == std::to_integer<unsigned>(tag[kChecksum]);
}

}  // namespace

std::uint16_t crc_of(std::span<const std::byte> bytes) {
  unsigned crc = 0;
  for (const std::byte byte : bytes)
    crc = (crc << 8 & 0xff00) ^ kTable[(crc >> 8 ^ std::to_integer<unsigned>(byte)) & 0xff];
  return static_cast<std::uint16_t>(crc);
}

std::optional<FoundTag> read_tag(std::span<const std::byte> bytes) {
  if (bytes.size() < kTagBytes || !has_right_checksum(bytes)) return std::nullopt;
  const auto version = load_le<std::uint16_t>(bytes, kVersion).value_or(0);
  if (version != 2 && version != 3) return std::nullopt;
  const std::size_t length = load_le<std::uint16_t>(bytes, kCrcLength).value_or(0);
  if (length > bytes.size() - kTagBytes) return std::nullopt;
  if (crc_of(bytes.subspan(kTagBytes, length)) != load_le<std::uint16_t>(bytes, kCrc))
    return std::nullopt;
  return FoundTag{.tag = static_cast<Tag>(load_le<std::uint16_t>(bytes, 0).value_or(0)),
                  .location = load_le<std::uint32_t>(bytes, kLocation).value_or(0)};
}

std::optional<Tag> read_tag_of(std::uint32_t block, std::span<const std::byte> bytes) {
  const auto found = read_tag(bytes);
  if (!found || found->location != block) return std::nullopt;
  return found->tag;
}

}  // namespace airlock::udf
