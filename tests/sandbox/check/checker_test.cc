// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-check with real checkers, and with one that attacks. Needs root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/check/checker_run.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

class CheckerRun : public testing::Test {
 protected:
  CheckerRun() {
    log_open("checker-test", LogLevel::kError);
    std::string pattern = (std::filesystem::temp_directory_path() / "airlock-check.XXXXXX");
    folder = ::mkdtemp(pattern.data());
  }
  ~CheckerRun() override { std::filesystem::remove_all(folder); }

  // A medium that holds what an odd checker is to do.
  std::string wish(const std::string& words) {
    std::string content = words;
    content.resize(65536);
    std::ofstream(folder + "/medium", std::ios::binary) << content;
    return folder + "/medium";
  }
  std::string make(const std::string& command) {
    const std::string image = folder + "/image";
    std::filesystem::remove(image);
    EXPECT_EQ(::truncate((std::ofstream(image), image.c_str()), 16 << 20), 0);
    run(command);
    return image;
  }
  void run(const std::string& command) {
    const std::string line = "cd " + folder + " && ( " + command + " ) >/dev/null 2>&1";
    EXPECT_EQ(std::system(line.c_str()), 0) << command;
  }
  void odd() {
    std::filesystem::create_symlink(ODD_CHECKER, folder + "/e2fsck");
    places.directories = {folder};
  }
  Result<CheckReply> check(const std::string& image, CheckOperation operation,
                           const std::string& type = "ext4", const std::string& label = "") {
    const UniqueFd medium(
        ::open(image.c_str(), (only_reads(operation) ? O_RDONLY : O_RDWR) | O_CLOEXEC));
    return run_checker(medium.borrow(), {.operation = operation, .type = type, .label = label},
                       places, deadline_in(time),
                       {.progress =
                            [this](std::uint32_t done) {
                              EXPECT_LE(done, kWholeProgress);
                              ++progress;
                            },
                        .stop = stop},
                       cost);
  }
  CheckReply expect(const Result<CheckReply>& reply, CheckVerdict verdict) {
    if (!reply) {
      ADD_FAILURE() << reply.error().message();
      return {};
    }
    EXPECT_EQ(verdict_name(reply->verdict), verdict_name(verdict)) << reply->summary << "\n"
                                                                   << reply->log;
    return *reply;
  }
  void expect_nothing_achieved(const std::string& attack) {
    const std::string image = wish(attack);
    const auto reply = check(image, CheckOperation::kCheck);
    ASSERT_TRUE(reply.has_value()) << reply.error().message();
    EXPECT_EQ(reply->log.find("ACHIEVED"), std::string::npos) << reply->log;
    EXPECT_NE(reply->log.find("held"), std::string::npos) << reply->log;
  }

  std::string folder;
  CheckerPlaces places{.worker = AIRLOCK_CHECK, .directories = {"/usr/sbin", "/sbin"}};
  CheckerCost cost;
  std::chrono::milliseconds time = 60s;
  BorrowedFd stop = kNoDescriptor;
  int progress = 0;
};

// Attacks

TEST_F(CheckerRun, AnAttackingCheckerReachesNoOtherNode) {
  odd();
  expect_nothing_achieved("nodes");
}
TEST_F(CheckerRun, AnAttackingCheckerReachesNoOtherFile) {
  odd();
  expect_nothing_achieved("files");
}
TEST_F(CheckerRun, AnAttackingCheckerHasNoNetwork) {
  odd();
  expect_nothing_achieved("network");
}
TEST_F(CheckerRun, AnAttackingCheckerMakesNoProcess) {
  odd();
  expect_nothing_achieved("processes");
}
TEST_F(CheckerRun, AnAttackingCheckerCantHarmItsWatcher) {
  odd();
  expect_nothing_achieved("watcher");
}
TEST_F(CheckerRun, AnAttackingCheckerIsShortOfMemory) {
  odd();
  cost.memory_bytes = std::uint64_t{128} << 20;
  expect_nothing_achieved("memory");
}
TEST_F(CheckerRun, AnAttackingCheckerIsShortOfDescriptors) {
  odd();
  expect_nothing_achieved("descriptors");
}

TEST_F(CheckerRun, AnAttackingCheckerWritesNothingItMayOnlyRead) {
  odd();
  const std::string image = wish("write");
  const auto read = [&] {
    std::ifstream file(image, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = read();
  const auto reply = check(image, CheckOperation::kCheck);
  ASSERT_TRUE(reply.has_value()) << reply.error().message();
  EXPECT_EQ(reply->log.find("ACHIEVED"), std::string::npos) << reply->log;
  EXPECT_EQ(read(), before);
}

TEST_F(CheckerRun, EndlessOutputIsStoppedAndSaidSo) {
  odd();
  const auto reply = expect(check(wish("flood"), CheckOperation::kCheck), CheckVerdict::kDied);
  EXPECT_NE(reply.summary.find("wrote too much"), std::string::npos) << reply.summary;
  EXPECT_LE(reply.log.size(), CheckReply::kMostLog);
}

TEST_F(CheckerRun, EndlessRunningEndsAtTheDeadline) {
  odd();
  time = 1s;
  const auto begin = std::chrono::steady_clock::now();
  const auto reply = check(wish("spin"), CheckOperation::kCheck);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Errc::kTimedOut);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);  // it would never end
}

TEST_F(CheckerRun, ARunThatNobodyWantsAnyMoreEndsAtOnce) {
  odd();
  auto pair = Channel::make_pair();
  ASSERT_TRUE(pair.has_value());
  Channel ours(std::move(pair->first));
  const UniqueFd theirs = std::move(pair->second);
  stop = theirs.borrow();
  ASSERT_TRUE(ours.try_send(std::array{std::byte{1}}, kNoDescriptor).has_value());
  const auto begin = std::chrono::steady_clock::now();
  const auto reply = check(wish("spin"), CheckOperation::kCheck);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Errc::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, time / 2);
}

TEST_F(CheckerRun, ACrashIsTold) {
  odd();
  const auto reply = expect(check(wish("crash"), CheckOperation::kCheck), CheckVerdict::kDied);
  EXPECT_NE(reply.summary.find("SIGSEGV"), std::string::npos) << reply.summary;
}

TEST_F(CheckerRun, AnExitCodeThatCantBeIsNotBelieved) {
  odd();
  for (const char* code : {"code 1", "code 3", "code 77", "code 125", "code 255"})
    expect(check(wish(code), CheckOperation::kCheck), CheckVerdict::kDied);
  expect(check(wish("code 4"), CheckOperation::kCheck), CheckVerdict::kErrors);
}

TEST_F(CheckerRun, NonsenseForProgressIsLeftOut) {
  odd();
  expect(check(wish("progress"), CheckOperation::kCheck), CheckVerdict::kClean);
  EXPECT_LE(progress, 1);
}

TEST_F(CheckerRun, WhatIsNotInstalledIsSaid) {
  places.directories = {folder};
  const auto reply = check(wish("x"), CheckOperation::kCheck);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, Errc::kUnsupported);
  const auto unknown = check(wish("x"), CheckOperation::kCheck, "btrfs");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, Errc::kUnsupported);
}

TEST_F(CheckerRun, AMediumOpenedForTheWrongThingIsRefused) {
  const UniqueFd medium(::open(wish("x").c_str(), O_RDWR | O_CLOEXEC));
  const auto reply = run_checker(medium.borrow(), {.type = "ext4", .label = {}}, places,
                                 deadline_in(time), {}, cost);
  EXPECT_FALSE(reply.has_value());
}

// Real checkers

TEST_F(CheckerRun, ACleanExtIsClean) {
  const auto image = make("mkfs.ext4 -q image");
  const auto reply = expect(check(image, CheckOperation::kCheck), CheckVerdict::kClean);
  EXPECT_TRUE(reply.checker.starts_with("e2fsck 1.")) << reply.checker;
  EXPECT_GT(progress, 0);
  expect(check(image, CheckOperation::kGlance), CheckVerdict::kClean);
}

TEST_F(CheckerRun, AnExtThatWasNotUnmountedIsDirtyUntilItIsSettled) {
  const auto image = make("mkfs.ext2 -q image && debugfs -w -R 'ssv state 0' image");
  expect(check(image, CheckOperation::kGlance), CheckVerdict::kDirty);
  expect(check(image, CheckOperation::kSettle, "ext2"), CheckVerdict::kClean);
  expect(check(image, CheckOperation::kGlance), CheckVerdict::kClean);
  run("e2fsck -fn image");
}

TEST_F(CheckerRun, ADamagedExtIsRepaired) {
  const auto image = make("mkfs.ext4 -q image && debugfs -w -R 'clri <11>' image");
  const auto found = expect(check(image, CheckOperation::kCheck), CheckVerdict::kErrors);
  EXPECT_GT(found.findings, 0U);
  EXPECT_FALSE(found.changed);
  const auto repaired = expect(check(image, CheckOperation::kRepair), CheckVerdict::kClean);
  EXPECT_TRUE(repaired.changed);
  expect(check(image, CheckOperation::kCheck), CheckVerdict::kClean);
}

TEST_F(CheckerRun, NoExtAtAllCantBeCorrected) {
  expect(check(make("true"), CheckOperation::kCheck), CheckVerdict::kUncorrectable);
}

TEST_F(CheckerRun, AnUnknownFeatureIsUnsupported) {
  const auto image =
      make("mkfs.ext4 -q image && debugfs -w -R 'ssv feature_incompat 0x80000000' image");
  expect(check(image, CheckOperation::kCheck), CheckVerdict::kUnsupported);
}

TEST_F(CheckerRun, FatIsCheckedAndRepaired) {
  const auto image = make("mkfs.fat image");
  const auto clean = expect(check(image, CheckOperation::kCheck, "vfat"), CheckVerdict::kClean);
  EXPECT_TRUE(clean.checker.starts_with("fsck.fat ")) << clean.checker;
  run("printf '\\001' | dd of=image bs=1 seek=37 conv=notrunc");
  expect(check(image, CheckOperation::kCheck, "vfat"), CheckVerdict::kDirty);
  expect(check(image, CheckOperation::kRepair, "vfat"), CheckVerdict::kClean);
  expect(check(image, CheckOperation::kCheck, "vfat"), CheckVerdict::kClean);
  // The two copies of the table differ, as after a write that was interrupted.
  run("printf '\\377\\377\\377\\377' | dd of=image bs=1 seek=2060 conv=notrunc");
  const auto trace = expect(check(image, CheckOperation::kCheck, "vfat"), CheckVerdict::kDirty);
  EXPECT_GT(trace.findings, 0U);
  // A file begins where no clusters are.
  run("root=$((2048 + 1024 * $(od -An -tu2 -j22 -N2 image)));"
      " printf 'BAD     TXT\\040' | dd of=image bs=1 seek=$root conv=notrunc;"
      " printf '\\000\\377' | dd of=image bs=1 seek=$((root + 26)) conv=notrunc");
  const auto found = expect(check(image, CheckOperation::kCheck, "vfat"), CheckVerdict::kErrors);
  EXPECT_GT(found.findings, trace.findings);
  expect(check(image, CheckOperation::kRepair, "vfat"), CheckVerdict::kClean);
  expect(check(image, CheckOperation::kCheck, "vfat"), CheckVerdict::kClean);
}

TEST_F(CheckerRun, ExfatIsCheckedAndRepaired) {
  const auto image = make("mkfs.exfat image");
  const auto clean = expect(check(image, CheckOperation::kCheck, "exfat"), CheckVerdict::kClean);
  EXPECT_TRUE(clean.checker.starts_with("fsck.exfat ")) << clean.checker;
  // The main boot region is gone, its copy is there.
  run("dd if=/dev/zero of=image bs=512 seek=1 count=4 conv=notrunc");
  const auto found = check(image, CheckOperation::kCheck, "exfat");
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->verdict == CheckVerdict::kErrors ||
              found->verdict == CheckVerdict::kUncorrectable)
      << found->log;
  expect(check(image, CheckOperation::kRepair, "exfat"), CheckVerdict::kClean);
  expect(check(image, CheckOperation::kCheck, "exfat"), CheckVerdict::kClean);
}

TEST_F(CheckerRun, LabelsAreWritten) {
  auto image = make("mkfs.ext4 -q image");
  expect(check(image, CheckOperation::kLabel, "ext4", "Grüße"), CheckVerdict::kClean);
  run("test \"$(e2label image)\" = Grüße");
  expect(check(image, CheckOperation::kLabel, "ext4", ""), CheckVerdict::kClean);
  run("test \"$(e2label image)\" = ''");
  image = make("mkfs.fat image");
  expect(check(image, CheckOperation::kLabel, "vfat", "HOLIDAY"), CheckVerdict::kClean);
  run("fatlabel image | grep -qx HOLIDAY");
  expect(check(image, CheckOperation::kLabel, "vfat", ""), CheckVerdict::kClean);
  image = make("mkfs.exfat image");
  expect(check(image, CheckOperation::kLabel, "exfat", "Grüße"), CheckVerdict::kClean);
  run("LC_ALL=C.UTF-8 exfatlabel image | grep -q Grüße");
  EXPECT_FALSE(check(image, CheckOperation::kLabel, "exfat", "far too long a label"));
}

}  // namespace
}  // namespace airlock
