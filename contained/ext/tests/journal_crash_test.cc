// SPDX-License-Identifier: GPL-2.0-or-later
// Power cuts: this records all writes of a journal and its owner, then cuts the power after each
// single write, with the writes since the last flush on the medium in part, in sectors, in any
// order. After a replay the victim must be as before or as after a commit, never between, and never
// older than commit() promised.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>
#include <variant>

#include "contained/ext/tests/journal_image.h"
#include "contained/ext/tests/journal_replay.h"
#include "contained/runtime/tests/image_tools.h"

namespace airlock::ext::test {
namespace {

using Bytes = std::vector<std::byte>;
constexpr std::uint64_t kSector = 512;

// A medium in memory that can undo the writes since a point.
class MemoryIo : public BlockIo {
 public:
  explicit MemoryIo(Bytes bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool writable() const override { return true; }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset > size() || into.size() > size() - offset) return refuse(EIO);
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return {};
  }
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    if (offset > size() || from.size() > size() - offset) return refuse(EIO);
    Bytes old(from.size());
    std::memcpy(old.data(), bytes_.data() + offset, from.size());
    undo_.push_back({offset, std::move(old)});
    std::memcpy(bytes_.data() + offset, from.data(), from.size());
    return {};
  }
  Outcome<void> read_scatter(std::uint64_t, std::span<iovec>) override { return refuse(ENOSYS); }
  Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) override {
    Bytes all;
    for (const iovec& part : parts) {
      const auto* from = static_cast<const std::byte*>(part.iov_base);
      all.insert(all.end(), from, from + part.iov_len);
    }
    return write(offset, all);
  }
  Outcome<void> flush() override { return {}; }
  Outcome<void> discard(std::uint64_t, std::uint64_t) override { return refuse(EOPNOTSUPP); }

  void keep() { undo_.clear(); }
  void take_back() {
    for (; !undo_.empty(); undo_.pop_back())
      std::ranges::copy(undo_.back().old,
                        bytes_.begin() + static_cast<std::ptrdiff_t>(undo_.back().offset));
  }

 private:
  struct Undo {
    std::uint64_t offset;
    Bytes old;
  };
  Bytes bytes_;
  std::vector<Undo> undo_;
};

struct Written {
  std::uint64_t offset;
  Bytes data;
};
struct Flushed {};
struct Promised {  // a commit() returned
  std::uint32_t state;
};
using Event = std::variant<Written, Flushed, Promised>;

enum class Flushes { kKept, kLost };

// Passes everything on and records it.
class RecordingIo final : public MemoryIo {
 public:
  RecordingIo(Bytes bytes, Flushes flushes) : MemoryIo(std::move(bytes)), flushes_(flushes) {}

  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    events_.emplace_back(Written{offset, Bytes(from.begin(), from.end())});
    return MemoryIo::write(offset, from);
  }
  Outcome<void> flush() override {
    if (flushes_ == Flushes::kKept) events_.emplace_back(Flushed{});
    return {};
  }
  void promise(std::uint32_t state) { events_.emplace_back(Promised{state}); }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

 private:
  Flushes flushes_;
  std::vector<Event> events_;
};

Bytes read_file(const std::filesystem::path& path) {
  Bytes bytes(std::filesystem::file_size(path));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

// The owner's work: which victim blocks change in which commit.
struct Plan {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> commits;  // first block, count
  std::uint32_t clean_after = 0;                                 // a clean() after that commit
};

class PowerCut {
 public:
  PowerCut(const char* options, const char* size, Plan plan)
      : image_(options, size), plan_(std::move(plan)) {
    image_.set_needs_recovery();
    versions_.emplace_back(image_.victim_blocks().size(), 0);
    for (std::uint32_t state = 1; state <= plan_.commits.size(); ++state) {
      versions_.push_back(versions_.back());
      const auto [first, count] = plan_.commits.at(state - 1);
      for (std::uint32_t i = first; i < first + count; ++i) versions_.back().at(i) = state;
    }
    contents_.resize(versions_.size(), std::vector<Bytes>(image_.victim_blocks().size()));
  }

  void record(Flushes flushes) {
    Bytes start = read_file(image_.path());
    MemoryIo prepared(std::move(start));
    for (std::uint32_t i = 0; i < image_.victim_blocks().size(); ++i)
      ASSERT_TRUE(prepared.write(home(i), content(0, i)));
    start_ = prepared.bytes();
    RecordingIo medium(start_, flushes);
    auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    for (std::uint32_t state = 1; state <= plan_.commits.size(); ++state) {
      ASSERT_NO_FATAL_FAILURE(commit(*journal, medium, state));
      if (plan_.clean_after == state) {
        ASSERT_TRUE(journal->clean());
      }
    }
    events_ = medium.events();
  }

  // Cuts the power after each event, `rounds` times with other losses; counts broken promises.
  int broken_promises(int rounds, int check_every) {
    MemoryIo medium(start_);
    std::mt19937 random(16180339);  // fixed: a failure must repeat
    int broken = 0;
    std::size_t durable_until = 0;
    std::uint32_t promised = 0;
    for (std::size_t cut = 0; cut <= events_.size(); ++cut) {
      for (int round = 0; round < rounds; ++round) {
        lose_some(medium, durable_until, cut, round, random);
        const bool by_e2fsck = check_every != 0 && ++cuts_ % check_every == 0;
        if (!recovers(medium, promised, by_e2fsck)) ++broken;
        medium.take_back();
      }
      if (cut == events_.size()) break;
      if (const auto* done = std::get_if<Promised>(&events_[cut])) promised = done->state;
      if (!std::holds_alternative<Flushed>(events_[cut])) continue;
      for (; durable_until < cut; ++durable_until) apply(medium, events_[durable_until]);
      medium.keep();
    }
    return broken;
  }

  [[nodiscard]] int cuts() const { return cuts_; }

 private:
  [[nodiscard]] std::uint64_t home(std::uint32_t index) const {
    return image_.victim_blocks().at(index) * image_.geometry().block_size;
  }
  // Made once: every cut is compared with it.
  [[nodiscard]] const Bytes& content(std::uint32_t state, std::uint32_t index) {
    Bytes& made = contents_.at(versions_.at(state).at(index)).at(index);
    if (made.empty())
      made = pattern(image_.geometry().block_size, versions_.at(state).at(index), index);
    return made;
  }

  void commit(Journal& journal, RecordingIo& medium, std::uint32_t state) {
    const auto [first, count] = plan_.commits.at(state - 1);
    std::vector<Bytes> contents;
    std::vector<JournalBlock> blocks;
    for (std::uint32_t i = first; i < first + count; ++i) {
      contents.push_back(content(state, i));
      blocks.push_back({.block = image_.victim_blocks().at(i), .data = contents.back()});
    }
    ASSERT_TRUE(journal.commit(blocks));
    medium.promise(state);
    // Writes homes in a few larger writes, like an owner.
    for (std::uint32_t i = 0; i < count; ++i) {
      Bytes together;
      const std::uint32_t from = first + i;
      for (;; ++i) {
        together.insert(together.end(), contents[i].begin(), contents[i].end());
        const bool last = i + 1 == count || i % 64 == 63;
        if (last || home(first + i) + contents[i].size() != home(first + i + 1)) break;
      }
      ASSERT_TRUE(medium.write(home(from), together));
    }
  }

  static void apply(MemoryIo& medium, const Event& event) {
    const auto* written = std::get_if<Written>(&event);
    if (written == nullptr) return;
    ASSERT_TRUE(medium.write(written->offset, written->data));
  }

  // Puts the arrived part of the events [from, to) on the medium.
  void lose_some(MemoryIo& medium, std::size_t from, std::size_t to, int round,
                 std::mt19937& random) {
    std::vector<const Written*> pending;
    for (std::size_t i = from; i < to; ++i) {
      if (const auto* written = std::get_if<Written>(&events_[i])) pending.push_back(written);
    }
    if (round > 1) std::ranges::shuffle(pending, random);
    for (const Written* written : pending) {
      // Round 0 loses everything, round 1 nothing, then whole writes, then sectors.
      const bool whole_writes = round % 2 == 0;
      const std::uint_fast32_t chance = round == 0 ? 0 : round == 1 ? 100 : random() % 101;
      const bool write_arrives = random() % 100 < chance;
      const std::size_t size = written->data.size();
      std::size_t arrived_from = 0;  // together with those before it
      for (std::size_t at = 0; at < size; at += kSector) {
        const bool arrives = whole_writes ? write_arrives : random() % 100 < chance;
        if (arrives && at + kSector < size) continue;
        const std::size_t arrived_to = arrives ? size : at;
        if (arrived_to > arrived_from) {
          const auto data = std::span(written->data).subspan(arrived_from);
          ASSERT_TRUE(
              medium.write(written->offset + arrived_from, data.first(arrived_to - arrived_from)));
        }
        arrived_from = at + kSector;
      }
    }
  }

  bool recovers(MemoryIo& medium, std::uint32_t promised, bool by_e2fsck) {
    if (!by_e2fsck) {
      if (replay(medium, image_.geometry()) > 1) return false;
      return is_in_state(medium.bytes(), promised) || is_in_state(medium.bytes(), promised + 1);
    }
    if (!crashed_) crashed_.emplace(medium.bytes());
    crashed_->assign(medium.bytes());
    const Opinion opinion = medium_given_to("e2fsck -fy $image", *crashed_);
    if (opinion.status < 0 || opinion.status > 1) {
      ADD_FAILURE() << opinion.report;
      return false;
    }
    return is_in_state(crashed_->bytes(), promised) || is_in_state(crashed_->bytes(), promised + 1);
  }

  bool is_in_state(std::span<const std::byte> medium, std::uint32_t state) {
    if (state >= versions_.size()) return false;
    for (std::uint32_t i = 0; i < image_.victim_blocks().size(); ++i) {
      const Bytes& block = content(state, i);
      if (std::memcmp(medium.subspan(home(i)).data(), block.data(), block.size()) != 0)
        return false;
    }
    return true;
  }

  JournalImage image_;
  Plan plan_;
  std::vector<std::vector<std::uint32_t>> versions_;  // of each block in each state
  std::vector<std::vector<Bytes>> contents_;          // of each version of each block
  Bytes start_;
  std::vector<Event> events_;
  std::optional<ScratchMedium> crashed_;  // for e2fsck
  int cuts_ = 0;
};

Plan five_commits() {
  return {.commits = {{0, 20}, {10, 300}, {0, 5}, {200, 250}, {3, 30}}};
}
// The third needs more than half of the smallest log.
Plan oversize_commits() {
  return {.commits = {{0, 20}, {5, 300}, {0, 800}, {3, 20}, {0, 700}}};
}

struct CrashCase {
  const char* name;
  const char* options;
  const char* size;
  Plan plan;
};

class JournalPowerCut : public testing::TestWithParam<CrashCase> {};

TEST_P(JournalPowerCut, LeavesOneStateOrTheOther) {
  PowerCut cut(GetParam().options, GetParam().size, GetParam().plan);
  ASSERT_NO_FATAL_FAILURE(cut.record(Flushes::kKept));
  EXPECT_EQ(cut.broken_promises(/*rounds=*/24, /*check_every=*/97), 0);
  EXPECT_GT(cut.cuts(), 400);
}

INSTANTIATE_TEST_SUITE_P(
    Images, JournalPowerCut,
    testing::Values(
        CrashCase{"Checksums", "-t ext4 -b 1024 -J size=1", "16M", five_commits()},
        CrashCase{"NoChecksums", "-t ext3 -b 1024 -J size=1", "16M", five_commits()},
        CrashCase{"Oversize", "-t ext4 -b 1024 -J size=1", "16M", oversize_commits()},
        CrashCase{"OversizeNoChecksums", "-t ext3 -b 1024 -J size=1", "16M", oversize_commits()},
        CrashCase{"Clean",
                  "-t ext4 -b 1024 -J size=1",
                  "16M",
                  {.commits = five_commits().commits, .clean_after = 3}},
        CrashCase{"Scattered", "-t ext4 -b 1024 -O ^flex_bg -J size=16", "64M", five_commits()}),
    [](const auto& param) { return std::string(param.param.name); });

// The test above must be able to fail: it does on a medium whose flushes do nothing.
TEST(JournalPowerCutItself, NoticesThatFlushesAreMissing) {
  PowerCut cut("-t ext3 -b 1024 -J size=1", "16M", five_commits());
  ASSERT_NO_FATAL_FAILURE(cut.record(Flushes::kLost));
  EXPECT_GT(cut.broken_promises(/*rounds=*/8, /*check_every=*/0), 0);
}

// A medium that fails from a given write or flush on.
class FailingIo final : public MemoryIo {
 public:
  FailingIo(Bytes bytes, int calls) : MemoryIo(std::move(bytes)), calls_left_(calls) {}
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    if (calls_left_-- <= 0) return refuse(EREMOTEIO);
    return MemoryIo::write(offset, from);
  }
  Outcome<void> flush() override {
    if (calls_left_-- <= 0) return refuse(EREMOTEIO);
    return {};
  }
  void heal() { calls_left_ = 1000; }

 private:
  int calls_left_;
};

TEST(JournalFailure, IsFinal) {
  const JournalImage image("-t ext4 -b 1024", "32M");
  const Bytes data = pattern(1024, 1, 1);
  const JournalBlock block = {.block = image.victim_blocks().front(), .data = data};
  for (int calls = 0; calls < 5; ++calls) {  // log, flush, commit block, superblock, flush
    FailingIo medium(read_file(image.path()), calls);
    auto journal = Journal::open(medium, image.geometry());
    ASSERT_TRUE(journal);
    EXPECT_EQ(journal->commit(std::span(&block, 1)).error().value, EREMOTEIO);
    medium.heal();
    EXPECT_EQ(journal->commit(std::span(&block, 1)).error().value, EREMOTEIO);
    EXPECT_EQ(journal->clean().error().value, EREMOTEIO);
  }
  FailingIo medium(read_file(image.path()), 5);
  auto journal = Journal::open(medium, image.geometry());
  EXPECT_TRUE(journal && journal->commit(std::span(&block, 1)));
}

}  // namespace
}  // namespace airlock::ext::test
