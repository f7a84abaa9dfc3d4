// SPDX-License-Identifier: GPL-2.0-or-later
// Records of mounts, and their use after airlockd died.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/places/adoption.h"
#include "daemon/places/mount_records.h"
#include "daemon/places/record_text.h"
#include "daemon/system/mount_table.h"
#include "daemon/system/process_identity.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

MountRecord stick() {
  MountRecord record;
  record.volume_id = "usb-0:1/\u00e9t\u00e9";
  record.source = {.path = "/dev/sdb1", .device = makedev(8, 17), .disk_sequence = 42};
  record.mount.mount_point = "/run/media/joe/STICK";
  record.mount.mount_id = 93;
  record.mount.filesystem = makedev(0, 47);
  record.mount.read_only = true;
  record.mount.read_only_reason = "it\nneeds \\ \"recovery\"\x01 \xff" + std::string(1, '\0');
  record.mount.subtype = "ext4";
  record.mount.driver = "airlock-ext";
  record.mount.origin = "builtin";
  record.mount.since =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'000'123'456));
  record.user = 1000;
  record.user_name = "joe";
  record.decided_by = "/etc/airlock/airlock.toml:12 \"my camera\"";
  return record;
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return std::move(text).str();
}

class Records : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "airlock-records-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    directory_ = root_ / "mounts";
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] MountRecords open() const {
    auto records = MountRecords::open(directory_);
    EXPECT_TRUE(records.has_value()) << records.error().message();
    return std::move(*records);
  }
  [[nodiscard]] fs::path file_of(const MountRecord& record) const {
    return directory_ / *record_file_name(record.volume_id);
  }
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(directory_), fs::directory_iterator());
  }

  fs::path root_, directory_;
};

TEST(RecordText, ComesBackAsItWas) {
  MountRecord record = stick();
  record.mount.fuseblk = true;
  record.mount.driver_pid = 4711;
  record.mount.driver_start = 123456789012345;
  record.mount.driver_user = 4294967294;
  const std::string text = write_record(record);
  EXPECT_EQ(std::ranges::count(text, '\n'), 23) << text;
  EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c == '\n' || (c & 0xe0) != 0; }));
  const auto again = read_record(text);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(write_record(*again), text);
  EXPECT_EQ(again->volume_id, record.volume_id);
  EXPECT_EQ(again->source.device, record.source.device);
  EXPECT_EQ(again->source.disk_sequence, 42U);
  EXPECT_EQ(again->mount.read_only_reason, record.mount.read_only_reason);
  EXPECT_TRUE(again->mount.fuseblk);
  EXPECT_EQ(again->mount.driver_start, record.mount.driver_start);
  EXPECT_EQ(again->mount.driver_user, record.mount.driver_user);
  EXPECT_EQ(again->mount.since, record.mount.since);
  EXPECT_EQ(again->decided_by, record.decided_by);
}

TEST(RecordText, CutShortAnywhereItIsRefused) {
  const std::string text = write_record(stick());
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(read_record(std::string_view(text).substr(0, length))) << length;
}

TEST(RecordText, OnlyWhatTheWriterWritesIsRead) {
  const std::string text = write_record(stick());
  const auto with = [&](const std::string& line, const std::string& instead) {
    std::string changed = text;
    const std::size_t at = changed.find("\n" + line + "\n");
    EXPECT_NE(at, std::string::npos) << line;
    return changed.replace(at + 1, line.size(), instead);
  };
  EXPECT_TRUE(read_record(with("user=1000", "user=1001")));
  for (const char* wrong :
       {"user=01000", "user=+1000", "user=-1", "user= 1000", "user=", "user=4294967296",
        "user=1000 ", "user", "USER=1000", "user=1000\nuser=1000", "", "user=0x10"})
    EXPECT_FALSE(read_record(with("user=1000", wrong))) << wrong;
  for (const char* wrong : {"subtype=", "subtype=a\\", "subtype=a\\q", "subtype=a\\x4",
                            "subtype=a\\x41", "subtype=a\\x0A", "subtype=a\tb"})
    EXPECT_FALSE(read_record(with("subtype=ext4", wrong))) << wrong;
  EXPECT_FALSE(read_record(with("read-only=yes", "read-only=1")));
  EXPECT_FALSE(read_record(with("mount-id=93", "mount-id=0")));
  EXPECT_FALSE(read_record(with("driver-pid=0", "driver-pid=-4")));
  EXPECT_FALSE(read_record(with("mount-point=/run/media/joe/STICK", "mount-point=media")));
  EXPECT_FALSE(read_record(with("end", "end\n")));
  EXPECT_FALSE(read_record("airlock-mount-record 2\n" + text.substr(text.find('\n') + 1)));
}

TEST(RecordText, ADriversWordsAreCutBeforeTheyAreTooMany) {
  MountRecord record = stick();
  record.mount.read_only_reason.assign(1 << 20, '\x02');
  const auto again = read_record(write_record(record));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again->mount.read_only_reason.size(), 4096U);
}

TEST_F(Records, AreThereUntilForgotten) {
  MountRecords records = open();
  MountRecord other = stick();
  other.volume_id = "other";
  ASSERT_TRUE(records.save(stick()));
  ASSERT_TRUE(records.save(other));
  other.decided_by = "changed";
  ASSERT_TRUE(records.save(other));
  EXPECT_EQ(files(), 2);
  auto loaded = open().load();
  ASSERT_EQ(loaded.size(), 2U);
  std::ranges::sort(loaded, {}, &MountRecord::volume_id);
  EXPECT_EQ(loaded[0].decided_by, "changed");
  EXPECT_EQ(loaded[1].volume_id, stick().volume_id);
  records.forget("other");
  records.forget("never there");
  records.forget("");
  EXPECT_EQ(open().load().size(), 1U);
}

TEST_F(Records, TheirDirectoryIsOursAlone) {
  (void)open();
  EXPECT_EQ(fs::status(directory_).permissions(), fs::perms::owner_all);
  fs::permissions(directory_, fs::perms(0755));
  (void)open();
  EXPECT_EQ(fs::status(directory_).permissions(), fs::perms::owner_all) << "closed again";
  fs::permissions(directory_, fs::perms(0777));
  EXPECT_FALSE(MountRecords::open(directory_)) << "anybody may have written to it";
  fs::create_directory_symlink(directory_, root_ / "link");
  fs::permissions(directory_, fs::perms(0700));
  EXPECT_FALSE(MountRecords::open(root_ / "link"));
  EXPECT_FALSE(MountRecords::open(root_ / "missing/mounts"));
}

TEST_F(Records, WhatMakesNoSenseIsRemoved) {
  MountRecords records = open();
  ASSERT_TRUE(records.save(stick()));
  const std::string good = text_of(file_of(stick()));
  std::ofstream(directory_ / "half") << good.substr(0, good.size() / 2);
  std::ofstream(directory_ / "new.tmp") << good;  // from a writer killed before the rename
  std::ofstream(directory_ / "another-volume") << good;
  std::ofstream(directory_ / "empty") << "";
  std::ofstream(directory_ / "long") << std::string(200'000, 'x');
  fs::create_symlink(file_of(stick()), directory_ / "link");
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(records.load().size(), 1U);
  const std::string log = testing::internal::GetCapturedStderr();
  for (const char* name : {"half", "new.tmp", "another-volume", "empty", "long", "link", "fifo"})
    EXPECT_NE(log.find(fmt::format("\"{}\"", name)), std::string::npos) << name << "\n" << log;
  EXPECT_EQ(files(), 1);
  EXPECT_EQ(records.load().size(), 1U);
}

TEST_F(Records, AWriterKilledAtAnyPointLeavesTheOldRecordOrTheNew) {
  MountRecords records = open();
  ASSERT_TRUE(records.save(stick()));
  for (int round = 0; round < 40; ++round) {
    const pid_t writer = ::fork();
    if (writer == 0)
      for (int i = 0;; ++i) {
        MountRecord changed = stick();
        changed.decided_by.assign(static_cast<std::size_t>(i % 4000), 'x');
        (void)records.save(changed);
      }
    ::usleep(static_cast<useconds_t>(500 + round * 37));
    ASSERT_EQ(::kill(writer, SIGKILL), 0);
    ASSERT_EQ(::waitpid(writer, nullptr, 0), writer);
    testing::internal::CaptureStderr();
    const auto loaded = records.load();
    (void)testing::internal::GetCapturedStderr();
    ASSERT_EQ(loaded.size(), 1U) << round;
  }
}

TEST_F(Records, AnIdThatFitsNoNameIsNotSaved) {
  MountRecord record = stick();
  record.volume_id.assign(300, 'x');
  EXPECT_FALSE(open().save(record));
  record.volume_id = "";
  EXPECT_FALSE(open().save(record));
  record.volume_id = "../../escape";
  ASSERT_TRUE(open().save(record));
  EXPECT_EQ(files(), 1);
  EXPECT_EQ(open().load().at(0).volume_id, "../../escape");
}

TEST(ProcessIdentity, TheStartIsFoundBehindAnyName) {
  EXPECT_EQ(start_from_stat("7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 1"), 4242U);
  EXPECT_EQ(start_from_stat("7 (a) b) (S) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242"),
            4242U);
  EXPECT_EQ(start_from_stat("7 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 1"), 0U);
  EXPECT_EQ(start_from_stat("7 (a) S 1 2"), 0U);
  EXPECT_EQ(start_from_stat(""), 0U);
}

class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      (void)::pause();
      ::_exit(0);
    }
  }
  ~Sleeper() {
    kill();
    reap();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  // The zombie stays.
  void kill() const {
    if (pid_ <= 0) return;
    (void)::kill(pid_, SIGKILL);
    siginfo_t info{};
    (void)::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ > 0) (void)::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(ProcessIdentity, OnlyTheVeryProcessIsOpened) {
  Sleeper sleeper;
  const auto identity = identify_process(sleeper.pid());
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->user, ::geteuid());
  EXPECT_TRUE(open_process(*identity));
  ProcessIdentity other = *identity;
  ++other.start;
  EXPECT_EQ(open_process(other).error().code, Errc::kNotFound);
  other = *identity;
  ++other.user;
  EXPECT_EQ(open_process(other).error().code, Errc::kNotFound);
  sleeper.kill();
  EXPECT_FALSE(identify_process(sleeper.pid())) << "a zombie";
  EXPECT_EQ(open_process(*identity).error().code, Errc::kNotFound) << "a zombie";
  sleeper.reap();
  EXPECT_EQ(open_process(*identity).error().code, Errc::kNotFound);
  EXPECT_FALSE(open_process({.pid = 0, .start = 0, .user = 0}));
  EXPECT_FALSE(open_process({.pid = -1, .start = 0, .user = 0}));
}

constexpr const char* kStickLine =
    "93 22 0:47 / /run/media/joe/STICK rw,nosuid shared:5 - fuse.airlock.ext4 /dev/sdb1 "
    "rw,user_id=1000,group_id=1000\n";

class Adoption : public Records {
 protected:
  [[nodiscard]] std::string table(const std::string& text) const {
    std::ofstream(root_ / "mountinfo") << "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" << text;
    return root_ / "mountinfo";
  }
  [[nodiscard]] AdoptedMount adopt(MountRecord record, const std::string& text) const {
    std::vector<MountRecord> records;
    records.push_back(std::move(record));
    auto adopted = adopt_mounts(std::move(records), table(text));
    EXPECT_EQ(adopted.size(), 1U);
    return std::move(adopted.at(0));
  }
  static MountRecord served_by(const Sleeper& driver) {
    const auto identity = identify_process(driver.pid());
    EXPECT_TRUE(identity.has_value());
    MountRecord record = stick();
    record.mount.driver_pid = identity->pid;
    record.mount.driver_start = identity->start;
    record.mount.driver_user = identity->user;
    return record;
  }
  using State = AdoptedMount::State;
};

TEST_F(Adoption, AMountWithItsDriverIsAliveAndItsEndIsSeen) {
  const Sleeper driver;
  const AdoptedMount adopted = adopt(served_by(driver), kStickLine);
  EXPECT_EQ(adopted.state, State::kAlive);
  EXPECT_EQ(adopted.record.decided_by, stick().decided_by);
  pollfd wait = {.fd = adopted.record.mount.life.get(), .events = POLLIN, .revents = 0};
  ASSERT_TRUE(adopted.record.mount.life.valid());
  EXPECT_EQ(::poll(&wait, 1, /*timeout=*/0), 0);
  driver.kill();
  EXPECT_EQ(::poll(&wait, 1, /*timeout=*/60'000), 1);
}

TEST_F(Adoption, ADriverThatDiedMeanwhileMakesADeadMount) {
  Sleeper driver;
  MountRecord record = served_by(driver);
  driver.kill();
  driver.reap();
  const AdoptedMount adopted = adopt(std::move(record), kStickLine);
  EXPECT_EQ(adopted.state, State::kDead);
  EXPECT_FALSE(adopted.record.mount.life.valid());
}

TEST_F(Adoption, AReusedPidIsNotTheDriver) {
  const Sleeper somebody;
  MountRecord record = served_by(somebody);
  record.mount.driver_start -= 1;
  EXPECT_EQ(adopt(std::move(record), kStickLine).state, State::kDead);
  record = served_by(somebody);
  record.mount.driver_user += 1;
  EXPECT_EQ(adopt(std::move(record), kStickLine).state, State::kDead);
}

TEST_F(Adoption, AMountWhoseDriverWasNeverKnownIsTakenForAlive) {
  const AdoptedMount adopted = adopt(stick(), kStickLine);
  EXPECT_EQ(adopted.state, State::kAlive);
  EXPECT_FALSE(adopted.record.mount.life.valid());
}

TEST_F(Adoption, ADriverThatWasFinishingIsWaitedForUnlessItServesElsewhere) {
  const Sleeper driver;
  const auto leaving = [&] {
    MountRecord record = served_by(driver);
    record.leaving = true;
    return record;
  };
  EXPECT_EQ(adopt(leaving(), "").state, State::kLeaving);
  EXPECT_EQ(adopt(leaving(), "97 22 0:47 / /x rw - fuse.airlock.ext4 /dev/sdb1 rw\n").state,
            State::kUnmounted);
  MountRecord other = leaving();
  other.mount.driver_start -= 1;
  EXPECT_EQ(adopt(std::move(other), "").state, State::kUnmounted);
}

TEST_F(Adoption, AnythingThatDoesNotFitIsAnotherMount) {
  const Sleeper driver;
  for (const char* line : {
           "",
           "94 22 0:47 / /run/media/joe/STICK rw - fuse.airlock.ext4 /dev/sdb1 rw\n",
           "93 22 0:48 / /run/media/joe/STICK rw - fuse.airlock.ext4 /dev/sdb1 rw\n",
           "93 22 0:47 / /run/media/joe/STICK1 rw - fuse.airlock.ext4 /dev/sdb1 rw\n",
           "93 22 0:47 / /run/media/joe/STICK rw - fuseblk.airlock.ext4 /dev/sdb1 rw\n",
           "93 22 0:47 / /run/media/joe/STICK rw - fuse.airlock.vfat /dev/sdb1 rw\n",
           "93 22 0:47 / /run/media/joe/STICK rw - tmpfs /dev/sdb1 rw\n",
       }) {
    const AdoptedMount adopted = adopt(served_by(driver), line);
    EXPECT_EQ(adopted.state, State::kUnmounted) << line;
    EXPECT_FALSE(adopted.record.mount.life.valid());
  }
}

TEST_F(Adoption, WithoutAMountTableNothingIsForgotten) {
  std::vector<MountRecord> records;
  records.push_back(stick());
  EXPECT_TRUE(adopt_mounts(std::move(records), root_ / "missing").empty());
}

TEST_F(Adoption, MountsWithoutARecordAreFoundBelowTheBase) {
  std::vector<AdoptedMount> known;
  known.push_back(adopt(stick(), kStickLine));
  const std::string lines =
      std::string(kStickLine) +
      "95 22 8:33 / /run/media/ann/my\\040disk ro,nosuid - fuseblk.airlock.vfat /dev/sdc1 "
      "ro,user_id=1001,group_id=1001\n"
      "96 22 0:50 / /run/media/ann/other rw - fuse.sshfs host:/ rw,user_id=1001\n"
      "97 22 0:51 / /mnt rw - fuse.airlock.ext4 /dev/sdd1 rw,user_id=0\n"
      "98 22 0:52 / /run/media/ann rw - fuse.airlock.ext4 /dev/sde1 rw,user_id=0\n"
      "99 22 0:53 / /run/media/ann/a/b rw - fuse.airlock.ext4 /dev/sdf1 rw,user_id=0\n";
  for (const char* base : {"/run/media", "/run/media/"}) {
    const auto found = find_unrecorded_mounts(base, known, table(lines));
    ASSERT_EQ(found.size(), 1U);
    const MountRecord& record = found[0].record;
    EXPECT_EQ(record.volume_id, "");
    EXPECT_EQ(record.source.path, "/dev/sdc1");
    EXPECT_EQ(record.source.device, makedev(8, 33));
    EXPECT_EQ(record.mount.mount_point, "/run/media/ann/my disk");
    EXPECT_EQ(record.mount.mount_id, 95U);
    EXPECT_EQ(record.mount.subtype, "vfat");
    EXPECT_TRUE(record.mount.fuseblk);
    EXPECT_TRUE(record.mount.read_only);
    EXPECT_EQ(record.user, 1001U);
    EXPECT_EQ(record.user_name, "ann");
    EXPECT_NE(found[0].state, State::kUnmounted);
  }
  EXPECT_EQ(find_unrecorded_mounts("/run/media", {}, table(lines)).size(), 2U);
}

TEST(MountTable, FieldsAreDividedBySingleSpaces) {
  const auto entries = parse_mount_table(
      "93 22 0:47 /sub /mnt\\040a rw,nosuid shared:5 master:3 propagate_from:2 - fuse.x  rw,a=7\n"
      "94 22 0:47 / /mnt rw shared:5 fuse.x y rw\n"
      "95 22 x:47 / /mnt rw - fuse.x y rw\n"
      "-5 22 0:47 / /mnt rw - fuse.x y rw\n"
      "\n"
      "96 22 0:47 / /mnt rw - fuse.x y");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].parent, 22);
  EXPECT_EQ(entries[0].root, "/sub");
  EXPECT_EQ(entries[0].mount_point, "/mnt a");
  EXPECT_EQ(entries[0].shared_group, 5);
  EXPECT_EQ(entries[0].master_group, 3);
  EXPECT_EQ(entries[0].source, "");
  EXPECT_EQ(entries[0].super_options, "rw,a=7");
  EXPECT_TRUE(has_option(entries[0].options, "nosuid"));
  EXPECT_FALSE(has_option(entries[0].options, "nosui"));
  EXPECT_EQ(option_number(entries[0].super_options, "a"), 7U);
  EXPECT_EQ(option_number("a=x,ab=2", "a"), std::nullopt);
  EXPECT_EQ(entries[1].id, 96);
}

}  // namespace
}  // namespace airlock
