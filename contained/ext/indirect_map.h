// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>

#include "contained/ext/block_map.h"

namespace airlock::ext {

// The map of ext2 and ext3: twelve direct pointers and three trees of pointer blocks, one, two and
// three levels deep. It has neither checksums nor unwritten blocks (inserting those is EOPNOTSUPP)
// and holds 32-bit physical numbers. An empty map is sixty zero bytes. The format, the blocks and
// the root must outlive it.
class IndirectMap final : public BlockMap {
 public:
  IndirectMap(const MapFormat& format, MapBlocks& blocks, MapRoot root);

  Outcome<Run> find(std::uint64_t logical, std::uint64_t most) override;
  Outcome<void> insert(const Run& run) override;
  Outcome<void> mark_written(std::uint64_t logical, std::uint64_t count) override;
  Outcome<void> remove(std::uint64_t logical, std::uint64_t count) override;

  // The number of logical blocks such a map can address with blocks of this size.
  static std::uint64_t capacity(std::uint32_t block_size);

 private:
  static constexpr std::size_t kDeepest = 3;
  // The fate of the data blocks of an unmapped range.
  enum class Data { kRelease, kKeep };

  // A row of pointers, the root or a block, and the slot of the pointer on the path.
  struct Table {
    std::span<std::byte> bytes;
    std::uint64_t physical = 0;  // unused for the root
    std::size_t slot = 0;
  };
  // The path to the pointer of one logical block, as far as there are tables: `reached` of depth +
  // 1. The last table covers `rest` blocks from there on; if tables are missing, `rest` covers all
  // consecutive missing ones.
  struct Path {
    std::array<Table, kDeepest + 1> tables;
    std::size_t depth = 0;
    std::size_t reached = 0;
    std::uint64_t rest = 0;
    [[nodiscard]] bool complete() const { return reached == depth + 1; }
    Table& last() { return tables[reached - 1]; }
  };

  static std::uint32_t pointer(std::span<const std::byte> table, std::size_t slot);
  static void set_pointer(Table& table, std::size_t slot, std::uint64_t physical);

  [[nodiscard]] std::uint64_t end_of_map() const;
  [[nodiscard]] std::uint64_t pointers() const { return format_.block_size / 4; }
  Path locate(std::uint64_t logical) const;
  Outcome<Path> walk(std::uint64_t logical);
  [[nodiscard]] std::uint64_t missing_tables(const Path& path) const;
  Outcome<Run> find_in_table(std::uint64_t logical, std::uint64_t most);
  Outcome<void> damage(std::uint64_t physical, std::string_view what);
  void touch(const Table& table);

  Outcome<std::uint64_t> insert_in_table(std::uint64_t logical, std::uint64_t physical,
                                         std::uint64_t most);
  Outcome<void> add_tables(Path& path, std::uint64_t goal);
  Outcome<void> take_tables(Path& path, std::size_t& taken, std::uint64_t goal);

  Outcome<void> detach(std::uint64_t logical, std::uint64_t end, Data data);
  Outcome<void> detach_in_table(Path& path, std::uint64_t count, Data data);
  Outcome<void> release_data(std::uint64_t physical, std::uint64_t count);
  Outcome<void> drop_empty(Path& path);

  const MapFormat& format_;
  MapBlocks& blocks_;
  MapRoot root_;
};

}  // namespace airlock::ext
