// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/block_map.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>

#include "contained/ext/extent_map.h"
#include "contained/ext/indirect_map.h"
#include "contained/ext/tests/block_map_memory.h"
#include "contained/ext/tests/block_map_reader.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

using testing::MemoryMapBlocks;
using testing::ReadMap;

enum class Kind { kExtents, kIndirect };

struct Setup {
  Kind kind = Kind::kExtents;
  std::uint32_t block_size = 1024;
  bool checksums = false;
  std::uint64_t universe = 0;  // logical blocks used
  std::uint64_t stride = 1;    // apart, to spread them
  std::uint64_t longest = 6;
  int steps = 0;
  std::size_t depth = 0;  // that must be reached
};

struct Mapped {
  std::uint64_t physical = 0;
  RunState state = RunState::kHole;
  friend bool operator==(const Mapped&, const Mapped&) = default;
};
using Model = std::map<std::uint64_t, Mapped>;

// One file: a map under test, what it should hold, and the volume they live in.
class File {
 public:
  explicit File(const Setup& setup)
      : setup_(setup),
        format{.block_size = setup.block_size,
               .checksums = setup.checksums,
               .inode_seed = 0x1234567,
               .max_logical = kExtentLogicalEnd - 1},
        blocks(setup.block_size, std::uint64_t{1} << 40) {
    if (setup.kind == Kind::kExtents) ExtentMap::initialize(root);
  }

  std::unique_ptr<BlockMap> map() {
    if (setup_.kind == Kind::kExtents) return std::make_unique<ExtentMap>(format, blocks, root);
    return std::make_unique<IndirectMap>(format, blocks, root);
  }

  // Reads the map independently and compares: structure, contents, blocks in use.
  void check() {
    ReadMap read;
    if (setup_.kind == Kind::kExtents) {
      std::uint16_t depth = 0;
      std::memcpy(&depth, &root[6], 2);
      testing::read_extents(blocks, format, root, depth, 0, kExtentLogicalEnd, read);
      read.depth = depth;
    } else {
      testing::read_indirect(blocks, root, format.block_size, read);
    }
    if (::testing::Test::HasFatalFailure()) return;
    deepest = std::max(deepest, read.depth);
    Model found;
    std::set<std::uint64_t> data;
    for (const Run& run : read.runs) {
      for (std::uint64_t i = 0; i < run.count; ++i) {
        found[run.logical + i] = {run.physical + i, run.state};
        ASSERT_TRUE(data.insert(run.physical + i).second);
      }
    }
    ASSERT_EQ(found, model);
    ASSERT_EQ(read.blocks, blocks.map());
    ASSERT_EQ(data, blocks.data());
    ASSERT_EQ(blocks.wrong_releases, 0U);
    ASSERT_EQ(blocks.complaint, "");
  }

  // Walks the map by find() and compares with the model.
  void check_find(std::uint64_t from, std::uint64_t end, std::uint64_t most) {
    const auto map = this->map();
    for (std::uint64_t at = from; at < end;) {
      const auto run = map->find(at, most);
      ASSERT_TRUE(run.has_value());
      ASSERT_EQ(run->logical, at);
      ASSERT_GT(run->count, 0U);
      ASSERT_LE(run->count, most);
      if (run->state == RunState::kHole) {
        const auto next = model.lower_bound(at);
        ASSERT_EQ(run->physical, 0U);
        ASSERT_TRUE(next == model.end() || next->first >= at + run->count) << at;
      } else {
        for (std::uint64_t i = 0; i < run->count; ++i)
          ASSERT_EQ(model[at + i], (Mapped{run->physical + i, run->state})) << at + i;
      }
      at += run->count;
    }
  }

 private:
  Setup setup_;

 public:
  MapFormat format;
  MemoryMapBlocks blocks;
  alignas(8) std::array<std::byte, kMapRootSize> root{};
  Model model;
  std::size_t deepest = 0;
};

// Random operations with a model beside them.
class Player {
 public:
  Player(const Setup& setup, unsigned seed) : setup_(setup), file(setup), random_(seed) {}

  void step() {
    file.blocks.forget_checked();
    file.blocks.allocations_left.reset();
    if (pick(8) == 0) file.blocks.allocations_left = pick(3);
    const std::uint64_t kind = pick(10);
    // The file grows and shrinks in turns, so that it gets large and empty.
    const bool growing = (++steps_ / (setup_.steps / 4 + 1)) % 2 == 0;
    if (kind < (growing ? 7 : 3)) return insert();
    if (kind < 8) return mark();
    return remove();
  }

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

 private:
  std::uint64_t place() { return pick(setup_.universe) * setup_.stride; }

  void insert() {
    const std::uint64_t logical = place();
    const std::uint64_t wanted = 1 + pick(setup_.longest);
    const auto next = file.model.lower_bound(logical);
    const std::uint64_t room =
        next == file.model.end() ? wanted : std::min(wanted, next->first - logical);
    const auto before = file.model.find(logical - 1);
    const bool follow = before != file.model.end() && pick(2) == 0;
    const std::uint64_t goal = follow ? before->second.physical + 1 : 8 + pick(1 << 20);
    const bool unwritten = setup_.kind == Kind::kExtents && pick(2) == 0;
    const auto state = unwritten ? RunState::kUnwritten : RunState::kWritten;
    if (room == 0) {
      const auto refused = file.map()->insert({logical, 4000000, 1, state});
      ASSERT_FALSE(refused.has_value());
      ASSERT_EQ(refused.error().value, EEXIST);
      return;
    }
    const std::uint64_t physical = file.blocks.take_data(goal, room).value();
    const auto inserted = file.map()->insert({logical, physical, room, state});
    if (!inserted) {
      ASSERT_EQ(inserted.error().value, ENOSPC);
      ASSERT_TRUE(file.blocks.release(physical, room, MapUse::kData).has_value());
      return;
    }
    for (std::uint64_t i = 0; i < room; ++i) file.model[logical + i] = {physical + i, state};
  }

  void remove() {
    const std::uint64_t logical = place();
    const std::uint64_t count = pick(20) == 0 ? ~std::uint64_t{0} : length();
    const auto removed = file.map()->remove(logical, count);
    if (!removed) {
      ASSERT_EQ(removed.error().value, ENOSPC);  // and nothing happened
      return;
    }
    const auto first = file.model.lower_bound(logical);
    const auto last = count > setup_.universe * setup_.stride
                          ? file.model.end()
                          : file.model.lower_bound(logical + count);
    file.model.erase(first, last);
  }

  void mark() {
    const std::uint64_t logical = place();
    const std::uint64_t count = length();
    const auto marked = file.map()->mark_written(logical, count);
    if (!marked) {
      ASSERT_EQ(marked.error().value, ENOSPC);
    }
    for (auto at = file.model.lower_bound(logical);
         at != file.model.end() && at->first - logical < count; ++at) {
      if (!marked && file.map()->find(at->first, 1)->state == RunState::kUnwritten) continue;
      at->second.state = RunState::kWritten;
    }
  }

  std::uint64_t length() { return 1 + pick(setup_.longest * setup_.stride * 2); }

  Setup setup_;

 public:
  File file;

 private:
  std::mt19937_64 random_;
  int steps_ = 0;
};

class BlockMapModel : public ::testing::TestWithParam<Setup> {};

TEST_P(BlockMapModel, AgreesAfterManyStepsAlsoWhenFull) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    Player player(GetParam(), seed);
    const std::uint64_t end = GetParam().universe * GetParam().stride + 100;
    for (int step = 0; step < GetParam().steps; ++step) {
      player.step();
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << " step " << step;
      // A full reading is slow; after a refusal it is due at once.
      const bool refused = player.file.blocks.allocations_left == 0U;
      if (step % 4 != 0 && !refused) continue;
      player.file.check();
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << " step " << step;
      player.file.check_find(player.pick(end), end, 1 + player.pick(10000 * GetParam().stride));
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << " step " << step;
    }
    EXPECT_GE(player.file.deepest, GetParam().depth);
    ASSERT_TRUE(player.file.map()->remove(0, ~std::uint64_t{0}).has_value());
    player.file.model.clear();
    player.file.check();
    EXPECT_TRUE(player.file.blocks.map().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(All, BlockMapModel,
                         ::testing::Values(
                             // Nodes of 256 bytes make trees high with few entries.
                             Setup{Kind::kExtents, 256, true, 3000, 1, 6, 3000, 2},
                             Setup{Kind::kExtents, 256, false, 40000, 100000, 3, 3000, 2},
                             Setup{Kind::kExtents, 1024, true, 9000, 1, 3, 6000, 2},
                             Setup{Kind::kExtents, 1024, false, 2000, 3, 9, 3000, 1},
                             Setup{Kind::kExtents, 4096, true, 3000, 1, 5, 3000, 1},
                             Setup{Kind::kExtents, 4096, false, 100, 1, 5, 3000, 0},
                             Setup{Kind::kIndirect, 256, false, 400, 1, 20, 3000, 1},
                             Setup{Kind::kIndirect, 256, false, 3000, 77, 20, 2000, 3},
                             Setup{Kind::kIndirect, 1024, false, 2000, 1, 40, 2000, 2},
                             Setup{Kind::kIndirect, 1024, false, 500, 33000, 40, 2000, 3},
                             Setup{Kind::kIndirect, 4096, false, 500, 2000, 40, 1000, 2}));

TEST(ExtentMap, HoldsThirtyThousandExtentsInThreeLevels) {
  File file({.kind = Kind::kExtents, .block_size = 1024, .checksums = true});
  // Even ones first, then from the end down, so that leaves are split in the middle too.
  std::uint64_t physical = 100;
  const auto add = [&](std::uint64_t logical) {
    physical += 2;
    ASSERT_EQ(file.blocks.take_data(physical, 1), physical);
    ASSERT_TRUE(file.map()->insert({logical, physical, 1, RunState::kWritten}).has_value());
    file.model[logical] = {physical, RunState::kWritten};
  };
  for (std::uint64_t i = 0; i < 20000; ++i) add(2 * i * 3);
  for (std::uint64_t i = 20000; i-- > 5000;) add((2 * i + 1) * 3);
  file.check();
  EXPECT_EQ(file.deepest, 3U);
  file.check_find(0, 120000, 1000);
  for (std::uint64_t from = 119000; from > 1000; from -= 1000) {
    ASSERT_TRUE(file.map()->remove(from, 990).has_value());
    file.model.erase(file.model.lower_bound(from), file.model.lower_bound(from + 990));
  }
  file.check();
}

TEST(ExtentMap, AppendingAllocatesNothingAndGivesFullExtents) {
  File file({.kind = Kind::kExtents, .block_size = 4096});
  file.blocks.allocations_left = 0;
  const auto start = file.blocks.take_data(1000, 100000).value();
  for (std::uint64_t at = 0; at < 100000; at += 32)
    ASSERT_TRUE(file.map()->insert({at, start + at, 32, RunState::kWritten}).has_value());
  EXPECT_EQ(file.map()->find(0, 1 << 20), (ext::Run{0, start, 32768, RunState::kWritten}));
  EXPECT_EQ(file.map()->find(98304, 1 << 20),
            (ext::Run{98304, start + 98304, 100000 - 98304, RunState::kWritten}));
}

TEST(ExtentMap, UnwrittenExtentsAreOneShorter) {
  File file({.kind = Kind::kExtents, .block_size = 4096});
  const auto start = file.blocks.take_data(1000, 100000).value();
  ASSERT_TRUE(file.map()->insert({5, start, 100000, RunState::kUnwritten}).has_value());
  EXPECT_EQ(file.map()->find(5, 1 << 20), (ext::Run{5, start, 32767, RunState::kUnwritten}));
  for (std::uint64_t i = 0; i < 100000; ++i) file.model[5 + i] = {start + i, RunState::kUnwritten};
  file.check();
}

TEST(ExtentMap, WritingAPreallocatedFileInOrderKeepsTwoExtents) {
  File file({.kind = Kind::kExtents, .block_size = 4096});
  const auto start = file.blocks.take_data(1000, 20000).value();
  ASSERT_TRUE(file.map()->insert({0, start, 20000, RunState::kUnwritten}).has_value());
  file.blocks.allocations_left = 0;
  for (std::uint64_t at = 0; at < 20000; at += 32) {
    ASSERT_TRUE(file.map()->mark_written(at, 32).has_value());
    EXPECT_LE(ExtentNode(file.root).entries(), 2);
  }
  EXPECT_EQ(file.map()->find(0, 1 << 20), (ext::Run{0, start, 20000, RunState::kWritten}));
}

TEST(ExtentMap, FailedLongInsertLeavesNothingBehind) {
  File file({.kind = Kind::kExtents, .block_size = 1024});
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto block = file.blocks.take_data(100 + 2 * i, 1).value();
    ASSERT_TRUE(file.map()->insert({2 * i, block, 1, RunState::kWritten}).has_value());
    file.model[2 * i] = {block, RunState::kWritten};
  }
  const auto start = file.blocks.take_data(1000, 200000).value();
  file.blocks.allocations_left = 0;
  const auto inserted = file.map()->insert({10, start, 200000, RunState::kWritten});
  ASSERT_FALSE(inserted.has_value());
  EXPECT_EQ(inserted.error().value, ENOSPC);
  ASSERT_TRUE(file.blocks.release(start, 200000, MapUse::kData).has_value());
  file.check();
}

TEST(ExtentMap, KeepsFortyEightBitsAndTheLastBlock) {
  File file({.kind = Kind::kExtents, .block_size = 4096});
  const std::uint64_t physical = (std::uint64_t{1} << 40) - 1;
  ASSERT_TRUE(file.map()->insert({0xfffffffe, physical, 1, RunState::kWritten}).has_value());
  EXPECT_EQ(file.map()->find(0xfffffffe, 10),
            (ext::Run{0xfffffffe, physical, 1, RunState::kWritten}));
  EXPECT_EQ(file.map()->find(0, ~0ULL)->count, 0xfffffffeU);
  EXPECT_EQ(file.map()->find(0xffffffff, 7)->count, 7U);
  EXPECT_EQ(file.map()->find(1ULL << 50, 7)->state, RunState::kHole);
  EXPECT_EQ(file.map()->insert({0xffffffff, 99, 1, RunState::kWritten}).error().value, EFBIG);
}

TEST(IndirectMap, RefusesWhatItCannotHold) {
  File file({.kind = Kind::kIndirect, .block_size = 1024});
  const std::uint64_t end = IndirectMap::capacity(1024);
  EXPECT_EQ(end, 12U + 256 + 256 * 256 + 256 * 256 * 256);
  const auto error = [&](const ext::Run& run) { return file.map()->insert(run).error().value; };
  EXPECT_EQ(error({0, 100, 1, RunState::kUnwritten}), EOPNOTSUPP);
  EXPECT_EQ(error({end, 100, 1, RunState::kWritten}), EFBIG);
  EXPECT_EQ(error({end - 1, 100, 2, RunState::kWritten}), EFBIG);
  EXPECT_EQ(error({0, 0xffffffff, 2, RunState::kWritten}), EFBIG);
  ASSERT_TRUE(file.map()->insert({end - 1, 100, 1, RunState::kWritten}).has_value());
  EXPECT_EQ(file.map()->find(end - 1, 9), (ext::Run{end - 1, 100, 1, RunState::kWritten}));
  EXPECT_EQ(file.map()->find(0, end)->count, end - 1);
}

TEST(ExtentMap, NamesTheDamage) {
  const auto complaint = [](auto&& spoil) {
    File file({.kind = Kind::kExtents, .block_size = 1024, .checksums = true});
    for (std::uint64_t i = 0; i < 10; ++i)
      EXPECT_TRUE(file.map()->insert({2 * i, 100 + i, 1, RunState::kWritten}).has_value());
    ExtentNode root(file.root);
    ExtentNode leaf(file.blocks.bytes(root.index(0).child));
    file.blocks.forget_checked();
    spoil(root, leaf);
    const auto found = file.map()->find(2, 1);
    EXPECT_FALSE(found.has_value());
    if (!found) {
      EXPECT_EQ(found.error().value, EUCLEAN);
    }
    return file.blocks.complaint;
  };
  using Node = ExtentNode&;
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos ? ::testing::AssertionSuccess()
                                                : ::testing::AssertionFailure() << text;
  };
  EXPECT_TRUE(has(complaint([](Node r, Node) { r.set_depth(6); }), "too deep"));
  EXPECT_TRUE(has(complaint([](Node r, Node) { r.set_depth(2); }), "wrong depth"));
  EXPECT_TRUE(has(complaint([](Node r, Node) { r.set_entries(5); }), "more entries"));
  EXPECT_TRUE(has(complaint([](Node r, Node) { r.set_entries(0); }), "no entries"));
  EXPECT_TRUE(has(complaint([](Node r, Node) { r.set_index(0, {0, 3}); }), "cannot be part"));
  EXPECT_TRUE(has(complaint([](Node r, Node) { r.set_key(0, 1); }), "range of its parent"));
  EXPECT_TRUE(has(complaint([](Node, Node l) { l.set_entries(0); }), "no entries"));
  EXPECT_TRUE(has(complaint([](Node, Node l) { l.set_extent(1, {1, 99, 1}); }), "checksum"));
  EXPECT_TRUE(has(complaint([](Node, Node l) {
                    l.set_extent(1, {0, 99, 1});
                    l.set_checksum(0x1234567);
                  }),
                  "overlap"));
  EXPECT_TRUE(has(complaint([](Node, Node l) {
                    l.set_extent(1, {2, 3, 1});
                    l.set_checksum(0x1234567);
                  }),
                  "outside"));
  EXPECT_TRUE(has(complaint([](Node, Node l) {
                    l.set_extent(1, {2, 99, 0});
                    l.set_checksum(0x1234567);
                  }),
                  "no blocks"));
}

TEST(IndirectMap, ATreeThatHoldsItselfEnds) {
  File file({.kind = Kind::kIndirect, .block_size = 1024});
  for (std::size_t slot : {12U, 13U, 14U})
    (void)store_le<std::uint32_t>(std::span(file.root), slot * 4, 50);
  for (std::size_t slot = 0; slot < 256; ++slot)
    (void)store_le<std::uint32_t>(file.blocks.bytes(50), slot * 4, 50);
  EXPECT_TRUE(file.map()->find(12, 1 << 30).has_value());
  const auto removed = file.map()->remove(0, ~0ULL);
  ASSERT_FALSE(removed.has_value());
  EXPECT_EQ(removed.error().value, EUCLEAN);
}

// Two blocks that lead to a third one from all of their pointers. It is empty, so every way ends in
// a hole: there is nothing to find or to release, however often it is looked at.
TEST(IndirectMap, AHoleThatManyPointersLeadToIsNotWalkedBlockByBlock) {
  File file({.kind = Kind::kIndirect, .block_size = 4096});
  (void)store_le<std::uint32_t>(std::span(file.root), 14 * 4, 50);
  for (std::size_t slot = 0; slot < 1024; ++slot)
    (void)store_le<std::uint32_t>(file.blocks.bytes(50), slot * 4, 51);
  (void)file.blocks.bytes(51);
  EXPECT_TRUE(file.map()->remove(0, ~0ULL).has_value());
  EXPECT_LT(file.blocks.visits, 5'000U);
}

// One call may not look at more than some MiB of a map: of large blocks at fewer.
TEST(IndirectMap, OneLookIsBoundedInBytes) {
  for (const std::uint32_t block_size : {1024U, 65536U}) {
    File file({.kind = Kind::kIndirect, .block_size = block_size});
    (void)store_le<std::uint32_t>(std::span(file.root), 13 * 4, 50);
    for (std::size_t slot = 0; slot < block_size / 4; ++slot)
      (void)store_le<std::uint32_t>(file.blocks.bytes(50), slot * 4, 51);
    (void)file.blocks.bytes(51);
    EXPECT_TRUE(file.map()->find(12 + block_size / 4, ~0U).has_value());
    EXPECT_LT(file.blocks.visits * block_size, 20'000'000U);
  }
}

// Bytes of the root and of nodes are changed at random, with and without being seen by the check
// when a node is read. Every call must come back; under a sanitizer, without touching a wrong byte.
void attack(const Setup& setup, unsigned seed) {
  Player player(setup, seed);
  for (int step = 0; step < 300; ++step) player.step();
  File& file = player.file;
  file.blocks.allocations_left.reset();
  const std::vector<std::uint64_t> nodes(file.blocks.map().begin(), file.blocks.map().end());
  for (int round = 0; round < 20; ++round) {
    const bool in_root = nodes.empty() || player.pick(4) == 0;
    const auto node = in_root ? std::span<std::byte>(file.root)
                              : file.blocks.bytes(nodes[player.pick(nodes.size())]);
    const std::uint64_t near = player.pick(2) == 0 ? 12 : node.size();
    auto& byte = node[player.pick(near)];
    byte = player.pick(3) == 0 ? std::byte{0xff} : static_cast<std::byte>(player.pick(256));
    // A pointer to another node makes the tree hold a block twice.
    if (!nodes.empty() && player.pick(3) == 0)
      (void)store_le<std::uint32_t>(node, player.pick(node.size() / 4) * 4,
                                    static_cast<std::uint32_t>(nodes[player.pick(nodes.size())]));
    if (player.pick(2) == 0) file.blocks.forget_checked();
    const std::uint64_t at = player.pick(setup.universe * setup.stride);
    const auto state = player.pick(2) == 0 ? RunState::kWritten : RunState::kUnwritten;
    (void)file.map()->find(at, 1 + player.pick(1 << 20));
    (void)file.map()->insert({at, 5000000, 1 + player.pick(40000), state});
    (void)file.map()->mark_written(at, player.pick(10000));
    (void)file.map()->remove(at, player.pick(100));
  }
  (void)file.map()->remove(0, ~0ULL);
}

TEST(BlockMapHostile, DamagedExtentTreesOnlyFail) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    attack({Kind::kExtents, seed % 2 == 0 ? 256U : 1024U, false, 1000, 1, 5, 300}, seed);
    if (HasFatalFailure()) return;
  }
}
TEST(BlockMapHostile, DamagedIndirectMapsOnlyFail) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    attack({Kind::kIndirect, seed % 2 == 0 ? 256U : 1024U, false, 1000, 70, 9, 300}, seed);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace airlock::ext
