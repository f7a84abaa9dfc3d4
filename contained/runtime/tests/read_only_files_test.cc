// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/read_only_files.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace airlock {
namespace {

constexpr NodeId kRoot = 1;         // to the kernel
constexpr NodeId kRootNumber = 77;  // on the medium
constexpr NodeId kFirstNumber = 100;
constexpr std::size_t kLongestListing = 10'000;  // here; what is longer has no end

// A folder whose entries a test writes down, and what they lead to.
class WrittenDown final : public ReadOnlyFormat {
 public:
  WrittenDown() : ReadOnlyFormat({.root = kRootNumber, .size = 10'000, .block_size = 4096}) {
    nodes[kRootNumber] = {.mode = S_IFDIR | 0755};
  }

  NodeId add(std::string name, NodeInfo node = {.mode = S_IFREG | 0640, .size = 10}) {
    const NodeId number = kFirstNumber + entries.size();
    nodes[number] = node;
    // Positions with gaps, as offsets on a medium have.
    entries.push_back({.name = std::move(name),
                       .node = number,
                       .type = node.mode & S_IFMT,
                       .next = (entries.size() + 1) * kStep});
    return number;
  }

  Outcome<NodeInfo> info(NodeId node) const override {
    const auto found = nodes.find(node);
    if (found == nodes.end()) return refuse(EIO);
    return found->second;
  }
  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId directory,
                                                  std::uint64_t position) const override {
    EXPECT_EQ(directory, kRootNumber);
    if (position % kStep != 0) return refuse(EIO);
    if (position / kStep >= entries.size()) return std::nullopt;
    return entries[position / kStep];
  }
  Outcome<void> read(NodeId, std::uint64_t offset, std::span<std::byte> into) const override {
    for (std::byte& byte : into) byte = static_cast<std::byte>('0' + offset++ % 10);
    return {};
  }

  static constexpr std::uint64_t kStep = 48;
  std::map<NodeId, NodeInfo> nodes;
  std::vector<DirectoryEntry> entries;
};

// One whose root has a name for every number, without an end or up to one.
class Endless final : public ReadOnlyFormat {
 public:
  explicit Endless(std::uint64_t most = std::numeric_limits<std::uint64_t>::max())
      : ReadOnlyFormat({.root = kRootNumber, .size = 4096, .block_size = 4096}), most_(most) {}

  Outcome<NodeInfo> info(NodeId node) const override {
    return NodeInfo{.mode = node == kRootNumber ? S_IFDIR | 0755u : S_IFREG | 0644u};
  }
  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId, std::uint64_t position) const override {
    if (++steps > 4 * ReadOnlyFiles::kMostEntries) return refuse(ELOOP);
    if (position >= most_) return std::nullopt;
    return DirectoryEntry{.name = name(position),
                          .node = kFirstNumber + position,
                          .type = S_IFREG,
                          .next = position + 1};
  }
  Outcome<void> read(NodeId, std::uint64_t, std::span<std::byte>) const override { return {}; }

  std::string name(std::uint64_t position) const {
    return is_named ? std::to_string(position) : std::string();
  }
  bool is_named = true;
  mutable std::uint64_t steps = 0;

 private:
  std::uint64_t most_;
};

// Whose medium says more: names in order and an index of them, the folder above, and attributes.
class Knowing final : public ReadOnlyFormat {
 public:
  Knowing() : ReadOnlyFormat(kVolume) {}
  static constexpr VolumeInfo kVolume = {
      .root = kRootNumber, .size = 4096, .block_size = 4096, .order = NameOrder::kBytes};
  static constexpr NodeId kFolder = 80;
  static constexpr std::uint64_t kNames = 26;

  Outcome<NodeInfo> info(NodeId node) const override {
    if (node == kRootNumber || node == kFolder) return NodeInfo{.mode = S_IFDIR | 0755};
    return NodeInfo{
        .mode = S_IFREG | 0644, .size = 8192, .holes = node == kFirstNumber ? 4096u : 0};
  }
  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId, std::uint64_t position) const override {
    ++steps;
    if (position >= kNames) return std::nullopt;
    return DirectoryEntry{.name = std::string(1, static_cast<char>('a' + position)),
                          .node = position == 5 ? kFolder : kFirstNumber + position,
                          .next = position + 1};
  }
  Outcome<std::uint64_t> position_near(NodeId, std::string_view name) const override {
    return name >= "n" ? 13 : 0;
  }
  Outcome<std::optional<NodeId>> parent(NodeId directory) const override {
    if (directory == kFolder) return kRootNumber;
    return std::nullopt;
  }
  Outcome<void> read(NodeId, std::uint64_t, std::span<std::byte>) const override { return {}; }
  Outcome<std::string> attribute(NodeId node, std::string_view name) const override {
    return std::string(name) + " of " + std::to_string(node);
  }
  Outcome<std::string> attribute_names(NodeId node) const override {
    return "names of " + std::to_string(node);
  }
  mutable std::uint64_t steps = 0;
};

struct Seen {
  std::string name;
  Attributes attributes;
  std::uint64_t next = 0;
};

class Sink final : public EntrySink {
 public:
  explicit Sink(std::size_t room) : room_(room) {}
  bool add(std::string_view name, const Attributes& attributes, std::uint64_t next) override {
    if (seen.size() == room_) return false;
    seen.push_back({std::string(name), attributes, next});
    return true;
  }
  std::vector<Seen> seen;

 private:
  std::size_t room_;
};

Outcome<std::vector<Seen>> list_all(ReadOnlyFiles& files, std::size_t room,
                                    DirectoryDetail detail = DirectoryDetail::kAttributes) {
  std::vector<Seen> all;
  for (;;) {
    if (all.size() > kLongestListing) return refuse(ELOOP);
    Sink sink(room);
    TRY_VOID(files.list(kRoot, all.empty() ? 0 : all.back().next, detail, sink));
    if (sink.seen.empty()) return all;
    all.insert(all.end(), sink.seen.begin(), sink.seen.end());
  }
}

std::vector<std::string> names_of(const std::vector<Seen>& entries) {
  std::vector<std::string> names;
  for (const Seen& entry : entries) names.push_back(entry.name);
  return names;
}

class ReadOnlyFilesTest : public ::testing::Test {
 protected:
  WrittenDown format;
  ReadOnlyFiles files{format, DriverOptions{.user = 5, .group = 6}};
};

TEST_F(ReadOnlyFilesTest, ListsManyEntriesInPartsOfAnySize) {
  std::vector<std::string> expected = {".", ".."};
  for (int i = 0; i < 3000; ++i) format.add(expected.emplace_back("file " + std::to_string(i)));
  for (const std::size_t room : {1u, 2u, 7u, 1000u, 5000u}) {
    const auto all = list_all(files, room);
    ASSERT_TRUE(all.has_value()) << room;
    EXPECT_EQ(names_of(*all), expected) << room;
  }
}

TEST_F(ReadOnlyFilesTest, AnotherProcessContinuesAListing) {
  for (int i = 0; i < 100; ++i) format.add("file " + std::to_string(i));
  Sink first(40);
  ASSERT_TRUE(files.list(kRoot, 0, DirectoryDetail::kNames, first));
  ReadOnlyFiles other(format, {});
  Sink second(1000);
  ASSERT_TRUE(other.list(kRoot, first.seen.back().next, DirectoryDetail::kNames, second));
  ASSERT_EQ(first.seen.size() + second.seen.size(), 102u);
  EXPECT_EQ(first.seen.back().name, "file 37");
  EXPECT_EQ(second.seen.front().name, "file 38");
}

TEST_F(ReadOnlyFilesTest, AListingTellsNumbersAndTypesWithoutAttributesToo) {
  const NodeId number = format.add("folder", {.mode = S_IFDIR | 0700});
  const auto names = list_all(files, 100, DirectoryDetail::kNames);
  const auto whole = list_all(files, 100);
  ASSERT_TRUE(names && whole);
  EXPECT_EQ((*names)[0].attributes.stat.st_ino, kRoot);
  EXPECT_EQ((*names)[2].attributes.stat.st_ino, number);
  EXPECT_EQ((*names)[2].attributes.stat.st_mode, mode_t{S_IFDIR});
  EXPECT_EQ((*whole)[2].attributes.node, number);
  EXPECT_EQ((*whole)[2].attributes.stat.st_mode, mode_t{S_IFDIR | 0700});
}

TEST_F(ReadOnlyFilesTest, TheMediumKnowsTheParent) {
  const NodeId above = format.add("..", {.mode = S_IFDIR | 0755});
  const auto all = list_all(files, 100);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(names_of(*all), (std::vector<std::string>{".", ".."}));
  EXPECT_EQ((*all)[1].attributes.stat.st_ino, above);
}

TEST(ReadOnlyFilesThatKnowMore, TheFolderAboveIsAsked) {
  Knowing format;
  ReadOnlyFiles files(format, {});
  Sink sink(2);
  ASSERT_TRUE(files.list(Knowing::kFolder, 0, DirectoryDetail::kNames, sink).has_value());
  ASSERT_EQ(sink.seen.size(), 2u);
  EXPECT_EQ(sink.seen[0].attributes.stat.st_ino, Knowing::kFolder);
  EXPECT_EQ(sink.seen[1].attributes.stat.st_ino, kRoot);
}

TEST(ReadOnlyFilesThatKnowMore, ALookUpBeginsNearAndEndsEarly) {
  Knowing format;
  ReadOnlyFiles files(format, {});
  for (std::uint64_t i = 0; i < Knowing::kNames; ++i) {
    format.steps = 0;
    EXPECT_TRUE(files.lookup(kRoot, std::string(1, static_cast<char>('a' + i))).has_value());
    EXPECT_LE(format.steps, 13u);
  }
  for (const auto& [name, most] : {std::pair("A", 1u), std::pair("bb", 3u), std::pair("nn", 2u)}) {
    format.steps = 0;
    EXPECT_EQ(files.lookup(kRoot, name).error().value, ENOENT) << name;
    EXPECT_LE(format.steps, most) << name;
  }
}

TEST(ReadOnlyFilesThatKnowMore, HolesTakeNoSpace) {
  Knowing format;
  ReadOnlyFiles files(format, {});
  EXPECT_EQ(files.attributes(kFirstNumber)->stat.st_blocks, 8);
  EXPECT_EQ(files.attributes(kFirstNumber + 1)->stat.st_blocks, 16);
}

TEST_F(ReadOnlyFilesTest, AttributesAreThoseOfTheMediumOrNone) {
  // ENOSYS: the kernel need not ask again.
  EXPECT_EQ(files.get_attribute(kRoot, "user.x").error().value, ENOSYS);
  EXPECT_EQ(files.list_attributes(kRoot).error().value, ENOSYS);
  Knowing knowing;
  ReadOnlyFiles more(knowing, {});
  EXPECT_EQ(more.get_attribute(kRoot, "user.x"), "user.x of 77");
  EXPECT_EQ(more.list_attributes(kFirstNumber), "names of 100");
}

TEST_F(ReadOnlyFilesTest, ABrokenFileHidesNoOther) {
  format.add("before");
  const NodeId broken = format.add("broken");
  format.add("after");
  format.nodes.erase(broken);
  const auto all = list_all(files, 100);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(names_of(*all), (std::vector<std::string>{".", "..", "before", "broken", "after"}));
  EXPECT_EQ((*all)[3].attributes.node, 0u);
  EXPECT_EQ(files.lookup(kRoot, "broken").error().value, EIO);
  EXPECT_TRUE(files.lookup(kRoot, "after"));
}

TEST_F(ReadOnlyFilesTest, NamesThatNoProgramCouldUseAreLeftOut) {
  for (const std::string& name : {std::string(), std::string("a/b"), std::string("a\0b", 3),
                                  std::string("."), std::string(256, 'x')})
    format.add(name);
  format.add(std::string(255, 'x'));
  const auto all = list_all(files, 100);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(names_of(*all), (std::vector<std::string>{".", "..", std::string(255, 'x')}));
  EXPECT_TRUE(files.lookup(kRoot, std::string(255, 'x')));
  EXPECT_EQ(files.lookup(kRoot, std::string(256, 'x')).error().value, ENAMETOOLONG);
}

TEST_F(ReadOnlyFilesTest, EntriesThatLeadBackAreAnErrorAndNotEndless) {
  format.add("one");
  format.add("two");
  for (const std::uint64_t next : {std::uint64_t{0}, WrittenDown::kStep}) {
    format.entries[1].next = next;
    EXPECT_EQ(list_all(files, 1).error().value, EIO);
    EXPECT_EQ(files.lookup(kRoot, "three").error().value, EIO);
    EXPECT_TRUE(files.lookup(kRoot, "one"));
    EXPECT_TRUE(files.lookup(kRoot, "two"));  // it is sound itself
    Sink sink(10);
    EXPECT_EQ(files.list(kRoot, 0, DirectoryDetail::kNames, sink), refuse(EIO));
    ASSERT_EQ(sink.seen.size(), 4u);
    EXPECT_EQ(files.list(kRoot, sink.seen.back().next, DirectoryDetail::kNames, sink), refuse(EIO));
    EXPECT_LE(sink.seen.back().next, std::uint64_t{std::numeric_limits<off_t>::max()});
  }
  format.entries[1].next = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(list_all(files, 1).error().value, EIO);
}

TEST(ReadOnlyFilesBound, LookingForANameGivesUp) {
  const Endless endless;
  ReadOnlyFiles files(endless, {});
  EXPECT_EQ(files.lookup(kRoot, "no such name").error().value, EIO);
  EXPECT_EQ(endless.steps, ReadOnlyFiles::kMostEntries);
  EXPECT_TRUE(files.lookup(kRoot, endless.name(ReadOnlyFiles::kMostEntries - 1)));
  EXPECT_FALSE(files.lookup(kRoot, endless.name(ReadOnlyFiles::kMostEntries)));
}

TEST(ReadOnlyFilesBound, AnAbsentNameIsToldFromOneNotReached) {
  const Endless some(ReadOnlyFiles::kMostEntries - 1);
  ReadOnlyFiles files(some, {});
  EXPECT_EQ(files.lookup(kRoot, "no such name").error().value, ENOENT);
}

TEST(ReadOnlyFilesBound, AListingOfNothingUsableGivesUp) {
  Endless endless;
  endless.is_named = false;
  ReadOnlyFiles files(endless, {});
  Sink sink(10);
  EXPECT_EQ(files.list(kRoot, 0, DirectoryDetail::kNames, sink), refuse(EIO));
  EXPECT_LE(endless.steps, ReadOnlyFiles::kMostEntries);
}

TEST_F(ReadOnlyFilesTest, TheKernelKnowsTheRootAsOne) {
  EXPECT_EQ(files.attributes(kRoot)->node, kRoot);
  EXPECT_EQ(files.attributes(kRootNumber)->node, kRoot);
  format.add("again");
  format.entries.back().node = kRootNumber;
  EXPECT_EQ(files.lookup(kRoot, "again")->node, kRoot);
}

TEST_F(ReadOnlyFilesTest, NumbersOfTheKernelsOwnAreRefused) {
  format.add("file");
  for (const NodeId number : {NodeId{0}, NodeId{1}}) {
    format.nodes[number] = {.mode = S_IFREG | 0644};
    format.entries.back().node = number;
    EXPECT_EQ(files.lookup(kRoot, "file").error().value, EIO);
    EXPECT_EQ((*list_all(files, 100))[2].attributes.node, 0u);
  }
}

TEST_F(ReadOnlyFilesTest, EveryFileIsTheUsersUnlessTheMediumIsAsked) {
  const NodeId node = format.add("file", {.mode = S_IFREG | 0640,
                                          .size = 513,
                                          .links = 2,
                                          .user = 8,
                                          .group = 9,
                                          .modified = {.tv_sec = 1000}});
  const auto mine = files.attributes(node);
  ASSERT_TRUE(mine.has_value());
  EXPECT_EQ(mine->stat.st_uid, 5u);
  EXPECT_EQ(mine->stat.st_gid, 6u);
  EXPECT_EQ(mine->stat.st_mode, mode_t{S_IFREG | 0640});
  EXPECT_EQ(mine->stat.st_nlink, 2u);
  EXPECT_EQ(mine->stat.st_blocks, 2);
  EXPECT_EQ(mine->stat.st_mtim.tv_sec, 1000);
  ReadOnlyFiles honest(format, {.owners = MediaOwners::kMedia, .user = 5});
  EXPECT_EQ(honest.attributes(node)->stat.st_uid, 8u);
  EXPECT_EQ(honest.attributes(node)->stat.st_gid, 9u);
}

TEST_F(ReadOnlyFilesTest, ReadsWithinTheSize) {
  const NodeId node = format.add("file");
  std::string text(100, 'x');
  const auto into = std::as_writable_bytes(std::span(text));
  EXPECT_EQ(files.read(node, 0, into), Outcome<std::size_t>(10));
  EXPECT_EQ(text.substr(0, 11), "0123456789x");
  EXPECT_EQ(files.read(node, 7, into.first(2)), Outcome<std::size_t>(2));
  EXPECT_EQ(text.substr(0, 2), "78");
  EXPECT_EQ(files.read(node, 10, into), Outcome<std::size_t>(0));
  EXPECT_EQ(files.read(node, ~std::uint64_t{0}, into), Outcome<std::size_t>(0));
}

TEST_F(ReadOnlyFilesTest, OnlyFilesAreReadAndOnlyFoldersListed) {
  const NodeId file = format.add("file");
  const NodeId pipe = format.add("pipe", {.mode = S_IFIFO | 0600, .size = 10});
  std::array<std::byte, 4> bytes;
  Sink sink(10);
  EXPECT_EQ(files.read(kRoot, 0, bytes).error().value, EISDIR);
  EXPECT_EQ(files.read(pipe, 0, bytes).error().value, EINVAL);
  EXPECT_EQ(files.read_link(file).error().value, EINVAL);
  EXPECT_EQ(files.lookup(file, "x").error().value, ENOTDIR);
  EXPECT_EQ(files.list(file, 0, DirectoryDetail::kNames, sink), refuse(ENOTDIR));
}

TEST_F(ReadOnlyFilesTest, ASizeThatNoFileCanHaveIsAnError) {
  const NodeId file = format.add("file", {.mode = S_IFREG | 0644, .size = std::uint64_t{1} << 63});
  EXPECT_EQ(files.attributes(file).error().value, EIO);
}

TEST_F(ReadOnlyFilesTest, LinksLeadSomewhereOrAreErrors) {
  const auto link = [&](std::uint64_t size) {
    return format.add("link", {.mode = S_IFLNK | 0777, .size = size});
  };
  EXPECT_EQ(files.read_link(link(12)), Outcome<std::string>("012345678901"));
  EXPECT_TRUE(files.read_link(link(4095)));
  EXPECT_EQ(files.read_link(link(0)).error().value, EIO);
  EXPECT_EQ(files.read_link(link(4096)).error().value, EIO);
}

TEST_F(ReadOnlyFilesTest, EverythingThatWritesIsRefusedAsReadOnly) {
  const NodeId node = format.add("file");
  const std::array<std::byte, 3> bytes = {};
  std::map<std::string, int> answers;
  const auto note = [&](const std::string& what, const auto& outcome) {
    answers[what] = outcome ? 0 : outcome.error().value;
  };
  note("change", files.change(node, {.mode = 0600}));
  note("make_node", files.make_node(kRoot, "new", {}));
  note("make_link", files.make_link(kRoot, "new", "target", {}));
  note("link", files.link(node, kRoot, "new"));
  note("unlink", files.unlink(kRoot, "file"));
  note("remove_directory", files.remove_directory(kRoot, "file"));
  note("rename", files.rename(kRoot, "file", kRoot, "new", 0));
  note("write", files.write(node, 0, bytes, {}));
  note("allocate", files.allocate(node, 0, 0, 100));
  note("set_attribute", files.set_attribute(node, "user.x", bytes, 0));
  note("remove_attribute", files.remove_attribute(node, "user.x"));
  note("trim", files.trim(0, 1000, 0));
  EXPECT_EQ(answers.size(), 12u);
  for (const auto& [what, answer] : answers) EXPECT_EQ(answer, EROFS) << what;
  EXPECT_TRUE(files.sync(node, SyncScope::kAll) && files.sync_all() && files.unmounted());
}

TEST_F(ReadOnlyFilesTest, StatisticsCountTheLastBlockToo) {
  const auto numbers = files.statistics();
  ASSERT_TRUE(numbers.has_value());
  EXPECT_EQ(numbers->f_bsize, 4096u);
  EXPECT_EQ(numbers->f_blocks, 3u);
  EXPECT_EQ(numbers->f_bfree, 0u);
  EXPECT_EQ(numbers->f_namemax, 255u);
}

TEST_F(ReadOnlyFilesTest, ThreadsAreInItAtOnce) {
  for (int i = 0; i < 50; ++i) format.add("file " + std::to_string(i));
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          const auto all = list_all(files, 9);
          wrong += !all || all->size() != 52 || !files.lookup(kRoot, "file " + std::to_string(i));
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace airlock
