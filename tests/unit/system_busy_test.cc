// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/launch/driver_table.h"
#include "daemon/mount/mounter.h"
#include "daemon/system/busy.h"
#include "daemon/system/medium_memory.h"
#include "daemon/system/mount_table.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

// A /proc and a /sys made of plain files.
class FakeSystem : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "airlock-busy-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    view_ = {.proc = root_ / "proc", .sys = root_ / "sys"};
    write("proc/self/mountinfo", "");
    write("proc/swaps", "Filename Type Size Used Priority\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  fs::path root_;
  SystemView view_;
};

TEST_F(FakeSystem, NobodyUsesAFreeDevice) {
  EXPECT_TRUE(users_of_device(makedev(8, 17), view_).empty());
}

TEST_F(FakeSystem, MountsAreFoundByDeviceNumber) {
  write("proc/self/mountinfo",
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "93 22 8:17 / /media/my\\040stick rw,nosuid shared:5 master:1 - vfat /dev/sdb1 rw\n"
        "garbage\n");
  EXPECT_EQ(users_of_device(makedev(8, 17), view_),
            std::vector<std::string>{"mounted on \"/media/my stick\""});
}

// A file whose filesystem the mount table calls `type`.
class MediumInMemory : public FakeSystem {
 protected:
  std::uint64_t memory_of_file(const std::string& type) {
    write("image", std::string(1000, 'x'));
    const UniqueFd file(::open((root_ / "image").c_str(), O_PATH | O_CLOEXEC));
    struct stat info = {};
    EXPECT_EQ(::fstat(file.get(), &info), 0);
    write("proc/self/mountinfo", fmt::format("22 1 {}:{} / / rw - {} x rw\n", major(info.st_dev),
                                             minor(info.st_dev), type));
    return memory_of_medium(file.borrow(), view_);
  }

  // Block device 7:200, with the test's files in /sys.
  std::uint64_t memory_of_block() {
    const std::string node = root_ / "node";
    EXPECT_EQ(::mknod(node.c_str(), S_IFBLK | 0600, makedev(7, 200)), 0);
    const UniqueFd device(::open(node.c_str(), O_PATH | O_CLOEXEC));
    ::unlink(node.c_str());
    return memory_of_medium(device.borrow(), view_);
  }
};

TEST_F(MediumInMemory, IsAFileOfATmpfs) {
  EXPECT_EQ(memory_of_file("tmpfs"), 1000U);
  EXPECT_EQ(memory_of_file("overlay"), 1000U);
  EXPECT_EQ(memory_of_file("ext4"), 0U);
  EXPECT_EQ(memory_of_file("fuse.tmpfs"), 0U);
}

TEST_F(MediumInMemory, IsNothingThatCannotBeLookedAt) {
  EXPECT_EQ(memory_of_medium(BorrowedFd(-1), view_), 0U);
  fs::remove(root_ / "proc/self/mountinfo");
  const UniqueFd file(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  EXPECT_EQ(memory_of_medium(file.borrow(), view_), 0U);
}

TEST_F(MediumInMemory, RunAsRootIsALoopDeviceOfATmpfs) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes device nodes";
  write("proc/self/mountinfo",
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "23 22 0:40 / /tmp rw - tmpfs tmpfs rw\n"
        "24 23 8:2 / /tmp/disk rw - ext4 /dev/sda2 rw\n"
        "25 22 0:41 / /both rw - ext4 x rw\n"
        "26 25 0:42 / /both rw - tmpfs x rw\n");
  write("sys/dev/block/7:200/size", "16\n");
  EXPECT_EQ(memory_of_block(), 0U);
  for (const auto& [file, memory] : {std::pair{"/tmp/a", 8192U},
                                     {"/tmp/disk/a", 0U},
                                     {"/tmpfile", 0U},
                                     {"/both/a", 8192U},
                                     {"/a", 0U}}) {
    write("sys/dev/block/7:200/loop/backing_file", std::string(file) + "\n");
    EXPECT_EQ(memory_of_block(), memory) << file;
  }
}

TEST_F(MediumInMemory, RunAsRootIsWhatLiesOnSuchADevice) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes device nodes";
  write("proc/self/mountinfo", "23 22 0:40 / /tmp rw - tmpfs tmpfs rw\n");
  write("sys/dev/block/7:200/size", "16\n");
  write("sys/dev/block/7:200/slaves/dm-0/slaves/loop1p1/../loop/backing_file", "/tmp/a\n");
  fs::create_directories(root_ / "sys/dev/block/7:200/slaves/dm-0/slaves/loop1p1");
  EXPECT_EQ(memory_of_block(), 8192U);
  // Nor does a loop among them cause an endless search.
  fs::remove_all(root_ / "sys/dev/block/7:200/slaves/dm-0");
  fs::create_directory_symlink("..", root_ / "sys/dev/block/7:200/slaves/dm-0");
  EXPECT_EQ(memory_of_block(), 0U);
}

TEST_F(FakeSystem, MountsWithNumbersOfTheirOwnAreFoundByTheirSource) {
  // A node that every system has: the names are really looked up.
  fs::create_directory(root_ / "dev");
  write("proc/self/mountinfo", "93 22 0:50 / /mnt rw - fuse.x /dev/null rw\n");
  EXPECT_TRUE(users_of_device(makedev(1, 3), view_).empty()) << "/dev/null is no block device";
}

// The names are really looked up, so this needs an existing block device.
TEST_F(FakeSystem, NobodyButRootMakesADeviceBusyByNamingIt) {
  std::error_code none;
  std::string device;
  for (const auto& block : fs::directory_iterator("/sys/block", none))
    if (fs::is_block_file("/dev/" + block.path().filename().string(), none))
      device = block.path().filename();
  if (device.empty()) GTEST_SKIP() << "there is no block device below /dev";
  struct stat info = {};
  ASSERT_EQ(::stat(("/dev/" + device).c_str(), &info), 0);
  const auto users = [&](const std::string& type, const std::string& options) {
    write("proc/self/mountinfo",
          "93 22 0:50 / /mnt rw - " + type + " /dev/" + device + " rw," + options + "\n");
    return users_of_device(info.st_rdev, view_).size();
  };
  EXPECT_EQ(users("fuse", "user_id=1000,group_id=0"), 0U);
  EXPECT_EQ(users("fuse.airlock.ext4", "user_id=1000"), 0U);
  EXPECT_EQ(users("fuse.x", "allow_other"), 0U) << "nobody knows whose it is";
  EXPECT_EQ(users("fuse.x", "user_id=0,group_id=0"), 1U);
  EXPECT_EQ(users("btrfs", "subvol=/"), 1U);
}

TEST_F(FakeSystem, OrAnImage) {
  write("proc/self/mountinfo",
        "93 22 0:50 / /mnt rw - fuse.x /a.img rw,user_id=1000\n"
        "94 22 0:51 / /other rw - fuse.x /b.img rw,user_id=0\n");
  EXPECT_TRUE(users_of_image("/a.img", 0, view_).users.empty());
  EXPECT_EQ(users_of_image("/a.img", 1000, view_).users.size(), 1U) << "who blocks his own alone";
  EXPECT_EQ(users_of_image("/b.img", 1000, view_).users.size(), 1U);
}

TEST_F(FakeSystem, HoldersAreNamed) {
  write("sys/dev/block/8:17/holders/dm-0/dm/name", "vault\n");
  EXPECT_EQ(users_of_device(makedev(8, 17), view_),
            std::vector<std::string>{"used by dm-0 (\"vault\")"});
}

TEST_F(FakeSystem, UsersOfAPartitionKeepTheWholeDeviceBusy) {
  write("sys/dev/block/8:16/sdb1/partition", "1\n");
  write("sys/dev/block/8:16/sdb1/dev", "8:17\n");
  write("proc/self/mountinfo", "93 22 8:17 / /mnt rw - vfat /dev/sdb1 rw\n");
  EXPECT_EQ(users_of_device(makedev(8, 16), view_),
            std::vector<std::string>{"its partition sdb1 is mounted on \"/mnt\""});
}

TEST_F(FakeSystem, AnImageBehindALoopDeviceIsInUse) {
  write("sys/block/loop3/loop/backing_file", "/home/joe/a.img\n");
  write("sys/block/loop3/dev", "7:3\n");
  write("sys/block/loop3/ro", "0\n");
  write("proc/self/mountinfo", "93 22 7:3 / /mnt rw - ext4 /dev/loop3 rw\n");
  const ImageUse use = users_of_image("/home/joe/a.img", 0, view_);
  EXPECT_EQ(use.users,
            std::vector<std::string>{"set up as loop device /dev/loop3, mounted on \"/mnt\""});
  EXPECT_TRUE(use.may_write);
  EXPECT_TRUE(users_of_image("/home/joe/b.img", 0, view_).users.empty());
}

TEST_F(FakeSystem, AReadOnlyLoopDeviceCannotChangeTheImage) {
  write("sys/block/loop3/loop/backing_file", "/a.img\n");
  write("sys/block/loop3/ro", "1\n");
  const ImageUse use = users_of_image("/a.img", 0, view_);
  EXPECT_EQ(use.users.size(), 1U);
  EXPECT_FALSE(use.may_write);
}

TEST_F(FakeSystem, FilesystemsOfTheKernelAreWholeNames) {
  write("proc/filesystems", "nodev\tfuse\n\text4\n\tfuseblk2\n");
  EXPECT_TRUE(kernel_has_filesystem("fuse", view_));
  EXPECT_TRUE(kernel_has_filesystem("ext4", view_));
  EXPECT_FALSE(kernel_has_filesystem("fuseblk", view_));
  EXPECT_FALSE(kernel_has_filesystem("nodev", view_));
}

TEST(MountTable, UndoesOctalEscapesOnly) {
  EXPECT_EQ(unescape_octal("a\\040b\\134c\\12"), "a b\\c\\12");
  EXPECT_EQ(unescape_octal("\\999"), "\\999");
}

TEST(MountTable, AMountWithoutADriverOfOursIsFoundByDeviceOrByItsHonestSource) {
  const dev_t device = makedev(8, 17);
  const auto found = [&](std::string_view line) {
    const auto table = parse_mount_table(line);
    EXPECT_EQ(table.size(), 1u) << line;
    return mount_without_us(table, device, "/dev/sdb1") != nullptr;
  };
  EXPECT_TRUE(found("36 25 8:17 / /mnt rw - vfat /dev/sdb1 rw\n"));
  EXPECT_TRUE(found("36 25 8:17 / /mnt rw - fuseblk /dev/sdb1 rw,user_id=0,group_id=0\n"));
  EXPECT_TRUE(found("36 25 0:51 / /mnt rw - btrfs /dev/sdb1 rw\n"));
  EXPECT_FALSE(found("36 25 8:17 / /mnt rw - fuseblk.airlock.vfat /dev/sdb1 rw,user_id=1000\n"));
  EXPECT_FALSE(found("36 25 0:51 / /mnt rw - fuse.airlock.ext4 /dev/sdb1 rw,user_id=1000\n"));
  EXPECT_FALSE(found("36 25 8:18 / /mnt rw - vfat /dev/sdb2 rw\n"));
  // A user says what he likes there.
  EXPECT_FALSE(found("36 25 0:51 / /mnt rw - fuse.sshfs /dev/sdb1 rw,user_id=1000\n"));
}

TEST(MountTable, AMissingTableIsAnError) {
  EXPECT_FALSE(read_mount_table("/nonexistent"));
  // These two open, but one cannot be read and the other is empty.
  EXPECT_FALSE(read_mount_table("/proc"));
  EXPECT_FALSE(read_mount_table("/dev/null"));
}

TEST(Phrases, AreJoinedAsPeopleDo) {
  EXPECT_EQ(join_phrases({}), "");
  EXPECT_EQ(join_phrases({"a"}), "a");
  EXPECT_EQ(join_phrases({"a", "b"}), "a and b");
  EXPECT_EQ(join_phrases({"a", "b", "c"}), "a, b and c");
}

TEST(DriverTable, FindsTheDriverOfEverySubtypeAndNothingElse) {
  for (const char* subtype : {"ext", "ext2", "ext3", "ext4"}) {
    ASSERT_NE(find_driver(subtype), nullptr) << subtype;
    EXPECT_EQ(find_driver(subtype)->program, "airlock-ext");
  }
  for (const char* subtype : {"", " ", "ext ", "ext2 ext3", "xt4", "ext44", "befs"})
    EXPECT_EQ(find_driver(subtype), nullptr) << subtype;
}

}  // namespace
}  // namespace airlock
