// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/indirect_map.h"

#include <ext2fs/ext2_fs.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::uint64_t kDirect = EXT2_NDIR_BLOCKS;
constexpr std::uint64_t kLogicalEnd = std::uint64_t{1} << 32;
constexpr std::uint64_t kPhysicalEnd = std::uint64_t{1} << 32;
// A hole or a run may span many pointer blocks; one call reads at most this many bytes of them.
constexpr std::uint64_t kBytesPerFind = std::uint64_t{4} << 20;

}  // namespace

IndirectMap::IndirectMap(const MapFormat& format, MapBlocks& blocks, MapRoot root)
    : format_(format), blocks_(blocks), root_(root) {}

std::uint64_t IndirectMap::capacity(std::uint32_t block_size) {
  const std::uint64_t n = block_size / 4;
  return std::min(kDirect + n + n * n + n * n * n, kLogicalEnd);
}

std::uint64_t IndirectMap::end_of_map() const {
  return std::min(format_.max_logical, capacity(format_.block_size));
}

Outcome<void> IndirectMap::damage(std::uint64_t physical, std::string_view what) {
  blocks_.damaged(physical == 0 ? fmt::format("block pointers of the inode: {}", what)
                                : fmt::format("pointer block {}: {}", physical, what));
  return refuse(EUCLEAN);
}

std::uint32_t IndirectMap::pointer(std::span<const std::byte> table, std::size_t slot) {
  return load_le<std::uint32_t>(table, slot * 4).value_or(0);
}
void IndirectMap::set_pointer(Table& table, std::size_t slot, std::uint64_t physical) {
  (void)store_le<std::uint32_t>(table.bytes, slot * 4, static_cast<std::uint32_t>(physical));
}

void IndirectMap::touch(const Table& table) {
  if (table.physical != 0) blocks_.changed(table.physical);
}

// The slots on the path, as if all tables existed.
IndirectMap::Path IndirectMap::locate(std::uint64_t logical) const {
  Path path;
  if (logical < kDirect) {
    path.tables[0].slot = logical;
    return path;
  }
  const std::uint64_t n = pointers();
  std::uint64_t offset = logical - kDirect;
  std::uint64_t covered = n;
  for (path.depth = 1; path.depth < kDeepest && offset >= covered; ++path.depth) {
    offset -= covered;
    covered *= n;
  }
  path.tables[0].slot = kDirect + path.depth - 1;
  for (std::size_t level = path.depth; level > 0; --level) {
    path.tables[level].slot = offset % n;
    offset /= n;
  }
  return path;
}

Outcome<IndirectMap::Path> IndirectMap::walk(std::uint64_t logical) {
  Path path = locate(logical);
  path.tables[0].bytes = root_;
  path.reached = 1;
  while (!path.complete()) {
    const Table& above = path.last();
    const std::uint32_t next = pointer(above.bytes, above.slot);
    if (next == 0) break;
    if (!blocks_.valid(next, 1)) {
      TRY_VOID(damage(above.physical, "it points to a block that cannot be part of a file"));
    }
    TRY(const MapBlock block, blocks_.block(next));
    path.tables[path.reached].bytes = block.bytes;
    path.tables[path.reached++].physical = next;
  }
  // The blocks that the last table covers from here: its own if it holds the pointers to data,
  // otherwise all below the missing tables.
  if (path.depth == 0) {
    path.rest = kDirect - path.tables[0].slot;
    return path;
  }
  std::uint64_t covered = 1;
  std::uint64_t offset = 0;
  for (std::size_t level = path.depth; level >= std::min(path.reached, path.depth); --level) {
    offset += path.tables[level].slot * covered;
    covered *= pointers();
  }
  path.rest = covered * missing_tables(path) - offset;
  return path;
}

// How many consecutive tables are missing from the end of the path on. Without this step size, a
// map of a few blocks would cost as much as the file it could hold.
std::uint64_t IndirectMap::missing_tables(const Path& path) const {
  if (path.complete() || path.reached == 1) return 1;  // those of the root differ in size
  const Table& last = path.tables[path.reached - 1];
  std::uint64_t count = 1;
  while (last.slot + count < pointers() && pointer(last.bytes, last.slot + count) == 0) ++count;
  return count;
}

// The result of find(), but within one table, and unchecked.
Outcome<Run> IndirectMap::find_in_table(std::uint64_t logical, std::uint64_t most) {
  TRY(Path path, walk(logical));
  Run run{.logical = logical, .count = std::min(most, path.rest)};
  if (!path.complete()) return run;
  const Table& table = path.last();
  run.physical = pointer(table.bytes, table.slot);
  if (run.physical != 0) run.state = RunState::kWritten;
  const std::uint64_t step = run.physical != 0 ? 1 : 0;
  std::uint64_t count = 1;
  while (count < run.count &&
         pointer(table.bytes, table.slot + count) == run.physical + count * step) {
    ++count;
  }
  run.count = count;
  return run;
}

Outcome<Run> IndirectMap::find(std::uint64_t logical, std::uint64_t most) {
  const std::uint64_t end = end_of_map();
  if (logical >= end || most == 0) return Run{.logical = logical, .count = most};
  const std::uint64_t limit = std::min(most, end - logical);
  TRY(Run run, find_in_table(logical, limit));
  const std::uint64_t most_tables = std::max<std::uint64_t>(kBytesPerFind / format_.block_size, 2);
  for (std::uint64_t tables = 1; tables < most_tables && run.count < limit; ++tables) {
    TRY(const Run next, find_in_table(logical + run.count, limit - run.count));
    const std::uint64_t expected = run.physical == 0 ? 0 : run.physical + run.count;
    if (next.physical != expected) break;
    run.count += next.count;
  }
  if (run.state == RunState::kWritten && !blocks_.valid(run.physical, run.count))
    TRY_VOID(damage(0, "a block is outside of those files may have"));
  if (run.state == RunState::kHole && logical + run.count == end) run.count = most;
  return run;
}

Outcome<void> IndirectMap::mark_written(std::uint64_t, std::uint64_t) {
  return {};
}

Outcome<void> IndirectMap::insert(const Run& run) {
  if (run.state == RunState::kUnwritten) return refuse(EOPNOTSUPP);
  if (run.count == 0 || run.state == RunState::kHole) return refuse(EINVAL);
  const std::uint64_t end = end_of_map();
  if (run.logical >= end || run.count > end - run.logical) return refuse(EFBIG);
  if (!blocks_.valid(run.physical, run.count)) return refuse(EINVAL);
  if (run.physical + run.count > kPhysicalEnd) return refuse(EFBIG);
  for (std::uint64_t done = 0; done < run.count;) {
    const auto inserted =
        insert_in_table(run.logical + done, run.physical + done, run.count - done);
    if (!inserted) {
      // Taking out needs no blocks; if it fails all the same, the map was damaged before.
      if (done > 0) (void)detach(run.logical, run.logical + done, Data::kKeep);
      return std::unexpected(inserted.error());
    }
    done += *inserted;
  }
  return {};
}

// Maps as many blocks as one table holds and returns their number.
Outcome<std::uint64_t> IndirectMap::insert_in_table(std::uint64_t logical, std::uint64_t physical,
                                                    std::uint64_t most) {
  TRY(Path path, walk(logical));
  if (!path.complete()) TRY_VOID(add_tables(path, physical + most));
  Table& table = path.last();
  const std::uint64_t size = path.depth == 0 ? kDirect : pointers();
  const std::uint64_t count = std::min(most, size - table.slot);
  for (std::uint64_t i = 0; i < count; ++i)
    if (pointer(table.bytes, table.slot + i) != 0) return refuse(EEXIST);
  for (std::uint64_t i = 0; i < count; ++i) set_pointer(table, table.slot + i, physical + i);
  touch(table);
  return count;
}

// Adds the missing tables of the path, all of them or none. Links them from the far end, so that
// the map changes at once when the first one gets its pointer.
Outcome<void> IndirectMap::add_tables(Path& path, std::uint64_t goal) {
  std::size_t taken = 0;
  if (auto got = take_tables(path, taken, goal); !got) {
    // Only the first failure counts.
    for (std::size_t i = 0; i < taken; ++i)
      (void)blocks_.release(path.tables[path.reached + i].physical, 1, MapUse::kMap);
    return got;
  }
  for (std::size_t level = path.depth; level >= path.reached; --level) {
    Table& above = path.tables[level - 1];
    set_pointer(above, above.slot, path.tables[level].physical);
    touch(path.tables[level]);
    if (level == path.reached) touch(above);
  }
  path.reached = path.depth + 1;
  return {};
}

Outcome<void> IndirectMap::take_tables(Path& path, std::size_t& taken, std::uint64_t goal) {
  while (path.reached + taken <= path.depth) {
    const std::size_t level = path.reached + taken;
    TRY(const std::uint64_t physical, blocks_.allocate(goal));
    // With a damaged bitmap the new block could be one of those above it.
    for (std::size_t above = 1; above < level; ++above) {
      if (path.tables[above].physical == physical)
        return damage(physical, "it is in use but counted as free");
    }
    path.tables[level].physical = physical;
    ++taken;
    TRY(path.tables[level].bytes, blocks_.fresh(physical));
  }
  return {};
}

Outcome<void> IndirectMap::remove(std::uint64_t logical, std::uint64_t count) {
  const std::uint64_t end = end_of_map();
  if (logical >= end) return {};
  return detach(logical, logical + std::min(count, end - logical), Data::kRelease);
}

Outcome<void> IndirectMap::detach(std::uint64_t logical, std::uint64_t end, Data data) {
  for (std::uint64_t cursor = logical; cursor < end;) {
    TRY(Path path, walk(cursor));
    const std::uint64_t count = std::min(path.rest, end - cursor);
    if (path.complete()) TRY_VOID(detach_in_table(path, count, data));
    cursor += count;
  }
  return {};
}

Outcome<void> IndirectMap::detach_in_table(Path& path, std::uint64_t count, Data data) {
  Table& table = path.last();
  const std::size_t end = table.slot + count;
  Outcome<void> released;
  for (std::size_t slot = table.slot; slot < end && released;) {
    const std::uint64_t first = pointer(table.bytes, slot);
    std::size_t stop = slot + 1;
    while (first != 0 && stop < end && pointer(table.bytes, stop) == first + (stop - slot)) ++stop;
    if (first != 0 && data == Data::kRelease) released = release_data(first, stop - slot);
    for (; released && slot < stop; ++slot) set_pointer(table, slot, 0);
  }
  touch(table);
  auto dropped = drop_empty(path);
  return released ? dropped : released;
}

Outcome<void> IndirectMap::release_data(std::uint64_t physical, std::uint64_t count) {
  if (!blocks_.valid(physical, count))
    return damage(0, "a block is outside of those files may have");
  return blocks_.release(physical, count, MapUse::kData);
}

// Removes the empty tables, from the end of the path up.
Outcome<void> IndirectMap::drop_empty(Path& path) {
  const auto is_empty = [](const Table& table) {
    const auto bytes = table.bytes;
    return bytes[0] == std::byte{0} &&
           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
  };
  while (path.reached > 1 && is_empty(path.last())) {
    const std::uint64_t physical = path.last().physical;
    --path.reached;
    set_pointer(path.last(), path.last().slot, 0);
    touch(path.last());
    TRY_VOID(blocks_.release(physical, 1, MapUse::kMap));
  }
  return {};
}

}  // namespace airlock::ext
