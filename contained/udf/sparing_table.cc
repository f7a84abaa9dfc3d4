// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/sparing_table.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::string_view kIdentifier = "*UDF Sparing Table";
constexpr std::size_t kIdentifierAt = 17, kCount = 48, kSequence = 52, kEntries = 56,
                      kEntryBytes = 8;
constexpr std::size_t kMostBytes = kEntries + kEntryBytes * 0xffff;
// Entries that are free, or whose packet is bad itself, have numbers from here on.
constexpr std::uint32_t kFirstUnused = 0xfffffff0;

struct Table {
  std::uint32_t sequence = 0;
  Sparing sparing;
};

std::optional<Table> table_at(const MediumReader& medium, std::uint32_t block_size,
                              std::uint32_t block, const PartitionMap& map) {
  // A checksum may cover all of it.
  const std::size_t most = std::min<std::size_t>(map.table_bytes, kMostBytes);
  const auto bytes = medium.read_up_to(std::uint64_t{block} * block_size, most);
  if (!bytes || bytes->size() < kEntries) return std::nullopt;
  const std::string_view identifier(reinterpret_cast<const char*>(bytes->data()) + kIdentifierAt,
                                    kIdentifier.size());
  if (read_tag_of(block, *bytes) != Tag::kSparingTable || identifier != kIdentifier)
    return std::nullopt;
  const std::size_t count = *load_le<std::uint16_t>(*bytes, kCount);
  if (count > (bytes->size() - kEntries) / kEntryBytes) return std::nullopt;
  Table table = {.sequence = *load_le<std::uint32_t>(*bytes, kSequence),
                 .sparing = {.packet_blocks = map.packet_blocks, .packets = {}}};
  for (std::size_t i = 0; i < count; ++i) {
    const auto original = *load_le<std::uint32_t>(*bytes, kEntries + kEntryBytes * i);
    if (original < kFirstUnused)
      table.sparing.packets[original] =
          *load_le<std::uint32_t>(*bytes, kEntries + kEntryBytes * i + 4);
  }
  return table;
}

}  // namespace

Result<Sparing> read_sparing(const MediumReader& medium, std::uint32_t block_size,
                             const PartitionMap& map) {
  std::optional<Table> newest;
  for (const std::uint32_t block : map.table_blocks) {
    auto table = table_at(medium, block_size, block, map);
    if (table && (!newest || table->sequence > newest->sequence)) newest = std::move(table);
  }
  if (!newest) return fail(Errc::kCorrupted, "no copy of its sparing table can be read");
  return std::move(newest->sparing);
}

}  // namespace airlock::udf
