// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts the power at moments of a session and lets e2fsck judge: with a journal whatever arrived of
// the writes since the last flush, the volume can be repaired and holds every file whose sync()
// had returned.
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include <map>
#include <optional>
#include <random>

#include "contained/ext/tests/mounted_image.h"
#include "contained/ext/tests/test_image.h"

namespace airlock::ext::testing {
namespace {

struct Synced {
  std::size_t events = 0;  // writes and flushes until sync() had returned
  std::map<std::string, std::string> files;
};

class Session {
 public:
  explicit Session(std::vector<std::byte> image) : medium_(std::move(image)) { medium_.record(); }

  void run(unsigned seed) {
    MountedImage mounted(medium_);
    ASSERT_TRUE(mounted.opened());
    random_.seed(seed);
    synced_.push_back({.events = medium_.events().size(), .files = {}});
    for (int round = 0; round < 12; ++round) {
      for (int i = 0; i < 8; ++i) change(mounted);
      ASSERT_TRUE(mounted.driver().sync_all().has_value());
      synced_.push_back({.events = medium_.events().size(), .files = files_});
    }
    mounted.close();
    synced_.push_back({.events = medium_.events().size(), .files = files_});
  }

  [[nodiscard]] std::vector<MemoryMedium::Event>& events() { return medium_.events(); }
  [[nodiscard]] const std::vector<Synced>& synced() const { return synced_; }
  std::vector<std::byte>& final_image() { return medium_.bytes(); }

 private:
  std::string some_name() { return "file" + std::to_string(random_() % 12); }

  // Files are written once and then replaced, so that one that was synced is either as it was or
  // gone by a later change; what later changes touch is not judged.
  void change(MountedImage& mounted) {
    const std::string name = some_name();
    switch (random_() % 6) {
      case 0:
      case 1:
      case 2:
        return replace(mounted, name);
      case 3:
        if (mounted.driver().unlink(kRoot, name)) forget(mounted, name);
        return;
      case 4: {
        const std::string directory = "dir" + std::to_string(random_() % 4);
        if (!mounted.driver().make_node(kRoot, directory, {.mode = S_IFDIR | 0755}))
          (void)mounted.driver().remove_directory(kRoot, directory);
        return;
      }
      default: {
        const auto found = mounted.driver().lookup(kRoot, name);
        if (!found) return;
        const std::vector<std::byte> value(random_() % 300 + 1, std::byte{7});
        EXPECT_TRUE(mounted.driver().set_attribute(found->node, "user.x", value, 0));
        return;
      }
    }
  }

  void replace(MountedImage& mounted, const std::string& name) {
    const std::string temporary = "temporary" + std::to_string(++number_);
    const NodeId node = mounted.make_file(kRoot, temporary);
    ASSERT_NE(node, 0u);
    const std::string text(random_() % 9000 + 1, static_cast<char>('a' + random_() % 26));
    ASSERT_EQ(mounted.write(node, 0, text), 0);
    const auto old = mounted.driver().lookup(kRoot, name);
    ASSERT_TRUE(mounted.driver().rename(kRoot, temporary, kRoot, name, 0).has_value());
    if (old && mounted.driver().forgotten(old->node)) mounted.driver().gone(old->node);
    files_[name] = text;
  }

  void forget(MountedImage&, const std::string& name) { files_.erase(name); }

  MemoryMedium medium_;
  std::mt19937 random_;
  std::map<std::string, std::string> files_;
  std::vector<Synced> synced_;
  int number_ = 0;
};

void apply(ScratchMedium& medium, const MemoryMedium::Event& event) {
  if (event.is_flush()) return;
  ASSERT_TRUE(medium.write(event.offset, event.data).has_value());
}

// Everything up to the last flush before the cut, and of the writes after it those the bits say.
void cut(ScratchMedium& medium, const std::vector<std::byte>& start,
         const std::vector<MemoryMedium::Event>& events, std::size_t at, std::mt19937& random,
         bool in_order) {
  medium.assign(start);
  std::size_t safe = at;
  while (safe > 0 && !events[safe - 1].is_flush()) --safe;
  for (std::size_t i = 0; i < safe; ++i) apply(medium, events[i]);
  for (std::size_t i = safe; i < at; ++i)
    if (in_order || random() % 2 == 0) apply(medium, events[i]);
}

// Names whose content the two states agree on: a cut between them must not lose it.
std::map<std::string, std::string> kept(const Synced& before, const Synced& after) {
  std::map<std::string, std::string> files;
  for (const auto& [name, text] : before.files) {
    const auto later = after.files.find(name);
    if (later != after.files.end() && later->second == text) files.emplace(name, text);
  }
  return files;
}

class PowerCut : public ::testing::Test {
 protected:
  void session(const std::string& options, unsigned seed) {
    image_ = make_image(options, "6M");
    medium_.emplace(image_);
    session_ = std::make_unique<Session>(image_);
    ASSERT_NO_FATAL_FAILURE(session_->run(seed));
    const Verdict end = fsck(session_->final_image(), Fsck::kLook);
    ASSERT_EQ(end.status, 0) << end.report;
  }

  void cut_and_judge(std::size_t at, bool in_order, bool must_keep) {
    SCOPED_TRACE("after event " + std::to_string(at) + (in_order ? " in order" : " shuffled"));
    cut(*medium_, image_, session_->events(), at, random_, in_order);
    const Opinion repaired = fsck(*medium_, Fsck::kRepair);
    ASSERT_GE(repaired.status, 0);
    ASSERT_LE(repaired.status, 1) << repaired.report;
    const Opinion looked = fsck(*medium_, Fsck::kLook);
    ASSERT_EQ(looked.status, 0) << looked.report;
    if (must_keep) expect_kept(at, repaired.report);
  }

  void expect_kept(std::size_t at, const std::string& report) {
    std::size_t last = 0;
    const auto& synced = session_->synced();
    while (last + 1 < synced.size() && synced[last + 1].events <= at) ++last;
    MountedImage mounted(*medium_);
    ASSERT_TRUE(mounted.opened());
    for (const auto& [name, text] :
         kept(synced[last], synced[std::min(last + 1, synced.size() - 1)]))
      EXPECT_EQ(mounted.read_file(kRoot, name) == text, true) << name << " was synced\n" << report;
    mounted.close();
  }

  std::vector<std::byte> image_;
  std::unique_ptr<Session> session_;
  std::optional<ScratchMedium> medium_;  // what a cut left
  std::mt19937 random_{7};
};

TEST_F(PowerCut, WithAJournalLosesNothingThatWasSynced) {
  ASSERT_NO_FATAL_FAILURE(session("-t ext4 -b 1024 -J size=1", 1));
  const std::size_t all = session_->events().size();
  for (std::size_t at = 1; at <= all; at += 1 + all / 25)
    ASSERT_NO_FATAL_FAILURE(cut_and_judge(at, /*in_order=*/true, /*must_keep=*/true));
  for (std::size_t at = 2; at <= all; at += 1 + all / 25)
    ASSERT_NO_FATAL_FAILURE(cut_and_judge(at, /*in_order=*/false, /*must_keep=*/true));
}

TEST_F(PowerCut, WithoutChecksumsItIsTheSame) {
  ASSERT_NO_FATAL_FAILURE(session("-t ext3 -b 1024 -J size=1", 2));
  const std::size_t all = session_->events().size();
  for (std::size_t at = 1; at <= all; at += 1 + all / 20)
    ASSERT_NO_FATAL_FAILURE(cut_and_judge(at, at % 2 == 0, /*must_keep=*/true));
}

TEST_F(PowerCut, WithoutAJournalTheVolumeCanBeRepaired) {
  ASSERT_NO_FATAL_FAILURE(session("-t ext2 -b 1024", 3));
  const std::size_t all = session_->events().size();
  for (std::size_t at = 1; at <= all; at += 1 + all / 25)
    ASSERT_NO_FATAL_FAILURE(cut_and_judge(at, /*in_order=*/true, /*must_keep=*/false));
}

// Nodes in the middle of the tree give half of their entries away, others get new first entries or
// lose them, and a cut may come between.
TEST_F(PowerCut, WithoutAJournalAMapThatChangesLosesNothing) {
  constexpr std::uint64_t kStep = 4 * 1024;
  constexpr std::uint64_t kPieces = 190;
  constexpr std::uint64_t kFirst = 20;  // before it are only new pieces
  constexpr std::uint64_t kGone = 40;   // of the others, so many are taken out
  MemoryMedium medium(make_image("-t ext4 -b 1024 -O ^has_journal", "6M"));
  medium.record();
  MountedImage mounted(medium);
  const NodeId node = mounted.make_file(kRoot, "file");
  const auto write_all = [&](std::uint64_t first, std::uint64_t step, char what) {
    for (std::uint64_t i = first; i < kPieces; i += step)
      ASSERT_EQ(
          mounted.write(node, i * kStep + (what == 'o' ? 0 : kStep / 2), std::string(1024, what)),
          0);
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
  };
  write_all(kFirst, 1, 'o');
  image_ = medium.bytes();
  medium.events().clear();
  for (std::uint64_t round = 0; round < 5; ++round) {
    write_all(4 - round, 5, 'n');
    const std::uint64_t taken = kFirst + 20 + round * (kGone / 5);
    ASSERT_TRUE(mounted.driver().allocate(node, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                          taken * kStep, kGone / 5 * kStep));
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
  }
  const auto events = medium.events();
  ScratchMedium left(image_);
  for (std::size_t at = 1; at <= events.size(); at += 1 + events.size() / 150) {
    SCOPED_TRACE("after event " + std::to_string(at));
    cut(left, image_, events, at, random_, /*in_order=*/false);
    const Opinion repaired = fsck(left, Fsck::kRepair);
    ASSERT_GE(repaired.status, 0);
    ASSERT_LE(repaired.status, 1) << repaired.report;
    ASSERT_EQ(fsck(left, Fsck::kLook).status, 0) << repaired.report;
    MountedImage again(left);
    ASSERT_TRUE(again.opened());
    const std::string text = again.read_file(kRoot, "file");
    for (std::uint64_t i = kFirst; i < kPieces; ++i) {
      if (i >= kFirst + 20 && i < kFirst + 20 + kGone) continue;
      ASSERT_TRUE(text.substr(i * kStep, 1024) == std::string(1024, 'o')) << "piece " << i << "\n"
                                                                          << repaired.report;
    }
  }
}

// Runs `change` on a fresh volume that `prepare` has filled, and calls `judge` for what e2fsck made
// of each cut, however the writes after the last flush arrived.
template <typename Prepare, typename Change, typename Judge>
void cut_everywhere(const char* options, Prepare prepare, Change change, Judge judge) {
  MemoryMedium medium(make_image(options, "6M"));
  std::vector<std::byte> start;
  std::vector<MemoryMedium::Event> events;
  medium.record();
  {
    MountedImage mounted(medium);
    ASSERT_TRUE(mounted.opened());
    prepare(mounted);
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
    start = medium.bytes();
    medium.events().clear();
    change(mounted);
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
    events = medium.events();
    mounted.close();
  }
  const Verdict end = fsck(medium.bytes(), Fsck::kLook);
  ASSERT_EQ(end.status, 0) << end.report;
  ScratchMedium left(start);
  std::mt19937 random{11};
  for (std::size_t at = 1; at <= events.size(); at += 1 + events.size() / 25) {
    SCOPED_TRACE("after event " + std::to_string(at));
    cut(left, start, events, at, random, /*in_order=*/at % 2 == 0);
    const Opinion repaired = fsck(left, Fsck::kRepair);
    ASSERT_GE(repaired.status, 0);
    ASSERT_LE(repaired.status, 1) << repaired.report;
    ASSERT_EQ(fsck(left, Fsck::kLook).status, 0) << repaired.report;
    MountedImage again(left);
    ASSERT_TRUE(again.opened());
    judge(again, repaired.report);
  }
}

constexpr const char* kEveryWay[] = {"-t ext4 -b 1024 -J size=1",
                                     "-t ext4 -b 1024 -O ^has_journal"};

TEST(NamesCut, AFileThatLeavesAWhiteoutKeepsAName) {
  const auto name = [](int i) { return "a name of some length " + std::to_string(i); };
  constexpr int kFiles = 60;
  NodeId folder = 0;
  for (const char* options : kEveryWay) {
    cut_everywhere(
        options,
        [&](MountedImage& mounted) {
          folder = mounted.make_file(kRoot, "folder", S_IFDIR | 0755);
          for (int i = 0; i < kFiles; ++i)
            ASSERT_EQ(mounted.write(mounted.make_file(kRoot, name(i)), 0, name(i)), 0);
        },
        [&](MountedImage& mounted) {
          for (int i = 0; i < kFiles; i += 2)
            ASSERT_TRUE(mounted.driver().rename_leaving_whiteout(
                kRoot, name(i), i % 4 == 0 ? folder : kRoot, "new " + name(i), 0, {}));
        },
        [&](MountedImage& left, const std::string& report) {
          for (int i = 0; i < kFiles; i += 2) {
            const NodeId to = i % 4 == 0 ? folder : kRoot;
            const bool moved = left.driver().lookup(to, "new " + name(i)).has_value();
            EXPECT_EQ(moved ? left.read_file(to, "new " + name(i)) : left.read_file(kRoot, name(i)),
                      name(i))
                << report;
          }
        });
  }
}

TEST(NamesCut, AFileMadeWithoutANameHasAllOfItOrIsGone) {
  for (const char* options : kEveryWay) {
    cut_everywhere(
        options, [](MountedImage&) {},
        [](MountedImage& mounted) {
          for (int i = 0; i < 8; ++i) {
            const auto made = mounted.driver().make_unnamed(kRoot, {.mode = S_IFREG | 0644});
            ASSERT_TRUE(made.has_value());
            ASSERT_EQ(mounted.write(made->node, 0, std::string(3000, 'x')), 0);
            if (i % 2 == 0) {
              ASSERT_TRUE(mounted.driver().sync_all().has_value());
            }
            if (i % 4 < 2) {
              ASSERT_TRUE(mounted.driver().link(made->node, kRoot, "file" + std::to_string(i)));
            }
          }
        },
        [](MountedImage& left, const std::string& report) {
          for (int i = 0; i < 8; ++i) {
            const std::string name = "file" + std::to_string(i);
            if (!left.driver().lookup(kRoot, name)) continue;
            EXPECT_EQ(left.read_file(kRoot, name), std::string(3000, 'x')) << report;
          }
        });
  }
}

// Else names of one kind of hash would be in an index of the other.
TEST(NamesCut, AFolderThatFindsNamesInAnyCaseHasNoneFromBefore) {
  const auto name = [](int i) { return "A Name Of Some Length " + std::to_string(i); };
  for (const char* options :
       {"-t ext4 -b 1024 -J size=1 -O casefold", "-t ext4 -b 1024 -O ^has_journal,casefold"}) {
    NodeId folder = 0;
    cut_everywhere(
        options,
        [&](MountedImage& mounted) {
          folder = mounted.make_file(kRoot, "folder", S_IFDIR | 0755);
          for (int i = 0; i < 100; ++i) ASSERT_NE(mounted.make_file(folder, name(i)), 0u);
        },
        [&](MountedImage& mounted) {
          for (int i = 0; i < 100; ++i)
            ASSERT_TRUE(mounted.driver().unlink(folder, name(i)).has_value());
          const auto flags = mounted.driver().flags(folder);
          ASSERT_TRUE(flags.has_value());
          ASSERT_TRUE(
              mounted.driver().change_flags(folder, flags->flags | EXT4_CASEFOLD_FL).has_value());
        },
        [&](MountedImage& left, const std::string& report) {
          const auto flags = left.driver().flags(folder);
          ASSERT_TRUE(flags.has_value());
          const bool folds = (flags->flags & EXT4_CASEFOLD_FL) != 0;
          for (int i = 0; i < 100 && folds; ++i)
            ASSERT_FALSE(left.driver().lookup(folder, name(i)).has_value()) << report;
        });
  }
}

}  // namespace
}  // namespace airlock::ext::testing
