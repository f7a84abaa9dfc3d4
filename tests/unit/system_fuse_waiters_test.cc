// SPDX-License-Identifier: GPL-2.0-or-later
// Processes that wait for a FUSE driver, found in the test's own /proc.
#include "daemon/system/fuse_waiters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace airlock {
namespace {

namespace fs = std::filesystem;
using Kind = FuseWait::Kind;

constexpr const char* kGetattr =
    "[<0>] request_wait_answer+0x12c/0x240 [fuse]\n[<0>] fuse_simple_request+0x176/0x300 [fuse]\n"
    "[<0>] fuse_do_getattr+0xdd/0x2b0 [fuse]\n[<0>] vfs_statx+0x9b/0x1a0\n"
    "[<0>] do_syscall_64+0x5b/0xc0\n";
constexpr const char* kFault =
    "[<0>] folio_wait_bit_common+0x13d/0x350\n[<0>] filemap_fault+0x5f7/0xa50\n"
    "[<0>] __do_fault+0x33/0x110\n";
constexpr const char* kSync =
    "[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] wait_sb_inodes+0x1ae/0x2a0\n"
    "[<0>] sync_inodes_sb+0xdd/0x100\n";
constexpr const char* kSyncFs =
    "[<0>] request_wait_answer+0x12c/0x240 [fuse]\n[<0>] fuse_sync_fs+0x1c9/0x240 [fuse]\n"
    "[<0>] iterate_supers+0x9c/0x110\n";
constexpr const char* kDriver =
    "[<0>] fuse_dev_do_read+0x4f6/0x8f0 [fuse]\n[<0>] fuse_dev_read+0x6b/0xa0 [fuse]\n";

TEST(FuseStack, WhatItWaitsForIsRead) {
  EXPECT_EQ(read_fuse_stack(kGetattr).kind, Kind::kDriver);
  EXPECT_EQ(read_fuse_stack(kGetattr).request, "GETATTR");
  EXPECT_EQ(read_fuse_stack(kFault).kind, Kind::kPageFault);
  EXPECT_EQ(read_fuse_stack(kSync).kind, Kind::kSync);
  EXPECT_EQ(read_fuse_stack(kSyncFs).kind, Kind::kDriver);
  EXPECT_EQ(read_fuse_stack(kSyncFs).request, "SYNCFS");
}

// A large write can block others for minutes, and a lock on a file for ever.
TEST(FuseStack, WhoWaitsForALockDoesNotWaitForTheDriver) {
  for (const char* stack :
       {"[<0>] rwsem_down_write_slowpath+0x26c/0x6b0\n"
        "[<0>] fuse_cache_write_iter+0x86/0x4f0 [fuse]\n",
        "[<0>] down_write+0x5b/0x60\n[<0>] fuse_cache_write_iter+0x86/0x4f0 [fuse]\n",
        "[<0>] __mutex_lock.constprop.0+0x39e/0x740\n[<0>] fuse_lock_inode+0x26/0x40 [fuse]\n",
        "[<0>] locks_lock_inode_wait+0xbd/0x1a0\n[<0>] fuse_file_flock+0x5c/0x70 [fuse]\n",
        "[<0>] flock_lock_inode_wait+0xbd/0x1a0\n[<0>] fuse_file_flock+0x5c/0x70 [fuse]\n"})
    EXPECT_EQ(read_fuse_stack(stack).kind, Kind::kNone) << stack;
  EXPECT_EQ(read_fuse_stack("[<0>] request_wait_answer+0x12c/0x240 [fuse]\n"
                            "[<0>] fuse_setlk+0x12c/0x240 [fuse]\n"
                            "[<0>] fuse_file_flock+0x5c/0x70 [fuse]\n")
                .kind,
            Kind::kDriver);
}

TEST(FuseStack, ADriverAndOthersDoNotWait) {
  for (const char* stack : {kDriver, "", "\n\n", "[<0>]", "[<0>] ext4_file_read_iter+0x1/0x2\n",
                            "[<0>] do_epoll_wait+0x60e/0x730\n", "fuse"})
    EXPECT_EQ(read_fuse_stack(stack).kind, Kind::kNone) << stack;
}

class FuseWaiters : public testing::Test {
 protected:
  static constexpr uid_t kUser = 1000, kStranger = 1001;

  FuseWaiters() {
    std::string pattern = fs::temp_directory_path() / "airlock-waiters-XXXXXX";
    view_.proc = ::mkdtemp(pattern.data());
  }
  ~FuseWaiters() override { fs::remove_all(view_.proc); }

  // A task of this process, whose memory is readable, as the kernel would show it.
  void add(int task, const std::string& stack, const std::string& call, uid_t user = kUser) {
    const fs::path folder =
        fs::path(view_.proc) / std::to_string(::getpid()) / "task" / std::to_string(task);
    fs::create_directories(folder / "fdinfo");
    std::ofstream(folder / "stack") << stack;
    std::ofstream(folder / "syscall") << call;
    std::ofstream(folder / "stat") << task << " (a ) b) D 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"
                                   << " 18 4711 20 21\n";
    std::ofstream(folder / "status")
        << "Name:\ta\nUid:\t" << user << "\t0\t0\t0\nvoluntary_ctxt_switches:\t40\n"
        << "nonvoluntary_ctxt_switches:\t2\n";
    std::ofstream(folder / "mountinfo")
        << "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        << "42 21 0:50 / /run/media/user/STICK rw - fuseblk.airlock.ext4 /dev/sdb1 "
           "rw,user_id=1000\n"
        << "43 21 0:51 / /run/media/user/STICK2 rw - fuse.sshfs host rw\n"
        << "44 21 0:52 / /home/stranger rw - fuse.sshfs host rw,user_id=1001\n"
        << "45 21 0:53 / /srv rw - fuse.sshfs host rw,user_id=1001,allow_other\n";
    std::ofstream(folder / "maps") << "7f0000000000-7f0000001000 r--s 00000000 00:32 2 /file\n";
    std::ofstream(folder / "fdinfo/3") << "pos:\t0\nflags:\t0100000\nmnt_id:\t42\nino:\t2\n";
    std::ofstream(folder / "fdinfo/4") << "pos:\t0\nflags:\t0100000\nmnt_id:\t21\nino:\t2\n";
    fs::create_symlink("/run/media/user/STICK/folder", folder / "cwd");
  }
  static std::string with_path(long call, int before, const char* path) {
    std::string text = std::to_string(call);
    for (int i = 0; i < 6; ++i)
      text += i == before ? fmt::format(" 0x{:x}", reinterpret_cast<std::uintptr_t>(path))
                          : " 0xffffff9c";
    return text + " 0x7ffd 0x7f00\n";
  }
  std::vector<FuseWaiter> find() {
    return find_fuse_waiters([](uid_t user) { return user == kUser; }, view_);
  }
  dev_t filesystem_of(const std::string& stack, const std::string& call) {
    add(7, stack, call);
    const auto found = find();
    fs::remove_all(fs::path(view_.proc) / std::to_string(::getpid()));
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? 0 : found[0].filesystem;
  }

  SystemView view_;
  const dev_t stick_ = makedev(0, 50);
};

TEST_F(FuseWaiters, ATaskIsKnownAgainByWhenItBeganAndHowOftenItRan) {
  add(7, kGetattr, "running\n");
  const auto found = find();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].wait, (FuseWaiter::Wait{.task = 7, .started = 4711, .switches = 42}));
  EXPECT_EQ(found[0].user, kUser);
  EXPECT_EQ(found[0].filesystem, 0U);
}

TEST_F(FuseWaiters, WhatItWaitsForShowsInItsCall) {
  const std::string numbers = " 0x1000 0x10 0x0 0x0 0x0 0x7ffd 0x7f00\n";
  EXPECT_EQ(filesystem_of(kGetattr, fmt::format("{} 0x3", SYS_read) + numbers), stick_);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_statx, 1, "/run/media/user/STICK/name")), stick_);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_statx, 1, "name")), stick_);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_truncate, 0, "/run/media/user/STICK")), stick_);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_statx, 1, "/run/media/user/STICK2/name")),
            makedev(0, 51));
  EXPECT_EQ(filesystem_of(kFault, "-1 0x7ffd 0x7f00\n"), stick_);
}

TEST_F(FuseWaiters, WhatDoesNotShowIsNotGuessed) {
  const std::string numbers = " 0x1000 0x10 0x0 0x0 0x0 0x7ffd 0x7f00\n";
  EXPECT_EQ(filesystem_of(kGetattr, fmt::format("{} 0x4", SYS_read) + numbers), 0U);
  EXPECT_EQ(filesystem_of(kGetattr, fmt::format("{} 0x99", SYS_read) + numbers), 0U);
  EXPECT_EQ(filesystem_of(kGetattr, fmt::format("{} 0xffffffffffffffff", SYS_read) + numbers), 0U);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_statx, 1, "/link/to/it")), 0U);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_statx, 1, "/run/media/user/STICK/../x")), 0U);
  EXPECT_EQ(filesystem_of(kGetattr, with_path(SYS_statx, 1, nullptr)), 0U);
  for (const char* nonsense : {"", "\n", "0", "0 3 4", "0 0x", "0 0xg 0x0 0x0 0x0 0x0 0x0",
                               "99999999999999999999 0x0", "-1"})
    EXPECT_EQ(filesystem_of(kGetattr, nonsense), 0U) << nonsense;
}

// The private mounts of strangers are not among them.
TEST_F(FuseWaiters, WhatDoesNotShowIsOneOfThoseThatTheUserMayEnter) {
  add(7, kGetattr, "running\n");
  const auto found = find();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].possible, (std::vector{stick_, makedev(0, 53)}));
}

// A stranger could make reading his memory last for ever.
TEST_F(FuseWaiters, OfStrangersOnlyThoseCountWhoWriteEverythingOut) {
  add(7, kGetattr, with_path(SYS_statx, 1, "/run/media/user/STICK/name"), kStranger);
  add(8, kFault, "-1 0x7ffd 0x7f00\n", kStranger);
  EXPECT_TRUE(find().empty());
  add(9, kSyncFs, fmt::format("{} 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f00\n", SYS_sync), kStranger);
  add(10, kSync, fmt::format("{} 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f00\n", SYS_sync), kStranger);
  const auto found = find();
  ASSERT_EQ(found.size(), 2U);
  for (const FuseWaiter& waiter : found) {
    EXPECT_EQ(waiter.filesystem, 0U);
    EXPECT_EQ(waiter.for_all, waiter.wait.task == 10);
  }
}

TEST_F(FuseWaiters, ATaskThatEndsMeanwhileIsNone) {
  add(7, kGetattr, "running\n");
  for (const char* name : {"stat", "status", "stack"}) {
    const fs::path file = fs::path(view_.proc) / std::to_string(::getpid()) / "task/7" / name;
    const std::string kept = file.string() + "-kept";
    fs::rename(file, kept);
    EXPECT_TRUE(find().empty()) << name;
    fs::rename(kept, file);
  }
  EXPECT_EQ(find().size(), 1U);
}

}  // namespace
}  // namespace airlock
