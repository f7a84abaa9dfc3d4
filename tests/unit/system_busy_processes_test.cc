// SPDX-License-Identifier: GPL-2.0-or-later
// The holders of a mount, found in a /proc and a /sys made of plain files.
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/loop/errand.h"
#include "daemon/system/busy_processes.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTable =
    "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
    "93 22 0:47 / /run/media/joe/STICK rw shared:5 - fuse.airlock.ext4 /dev/sdb1 rw\n";

class BusyProcesses : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "airlock-holders-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    write("proc/self/mountinfo", kTable);
    write("proc/swaps", "Filename Type Size Used Priority\n");
    link("proc/self/ns/mnt", "mnt:[1]");
    fs::create_directories(root_ / "sys/block");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void link(const fs::path& path, const std::string& target) const {
    fs::create_directories((root_ / path).parent_path());
    fs::remove(root_ / path);
    fs::create_symlink(target, root_ / path);
  }
  // A process that holds nothing.
  [[nodiscard]] fs::path process(int pid, const std::string& name = "cat") const {
    const fs::path folder = fs::path("proc") / std::to_string(pid);
    write(folder / "comm", name + "\n");
    write(folder / "maps", "55e0-55e1 r-xp 00000000 08:01 123      /bin/cat\n");
    link(folder / "cwd", "/home/joe");
    link(folder / "root", "/");
    link(folder / "exe", "/bin/cat");
    link(folder / "ns/mnt", "mnt:[1]");
    fs::create_directories(root_ / folder / "fd");
    return folder;
  }
  void opens(const fs::path& process, int fd, const std::string& path, int mount) const {
    link(process / "fd" / std::to_string(fd), path);
    write(process / "fdinfo" / std::to_string(fd),
          fmt::format("pos:\t0\nflags:\t02\nmnt_id:\t{}\nino:\t1\n", mount));
  }

  [[nodiscard]] std::vector<std::string> found() const {
    const MountIdentity mount{
        .mount_point = "/run/media/joe/STICK", .mount_id = 93, .filesystem = makedev(0, 47)};
    std::vector<std::string> lines;
    for (const BusyProcess& process :
         find_busy_processes(mount, {.proc = root_ / "proc", .sys = root_ / "sys"}))
      lines.push_back(fmt::format("{} {} {}", process.pid, process.name, process.path));
    std::ranges::sort(lines);
    return lines;
  }
  using Lines = std::vector<std::string>;

  fs::path root_;
};

TEST_F(BusyProcesses, NobodyHoldsAFreeMount) {
  opens(process(5), 1, "/home/joe/file", 22);
  EXPECT_EQ(found(), Lines{});
}

TEST_F(BusyProcesses, FoldersAndProgramsCount) {
  link(process(10, "shell") / "cwd", "/run/media/joe/STICK");
  link(process(11, "jailed") / "root", "/run/media/joe/STICK/jail");
  link(process(12, "game") / "exe", "/run/media/joe/STICK/game (deleted)");
  link(process(13, "near") / "cwd", "/run/media/joe/STICK1");
  EXPECT_EQ(found(), (Lines{"10 shell /run/media/joe/STICK", "11 jailed /run/media/joe/STICK/jail",
                            "12 game /run/media/joe/STICK/game (deleted)"}));
}

TEST_F(BusyProcesses, AnOpenFileCountsIfItIsOnThisVeryMount) {
  const fs::path writer = process(10, "writer");
  opens(writer, 0, "socket:[4711]", 9);
  opens(writer, 3, "/run/media/joe/STICK/a b\n", 93);
  opens(process(11, "elsewhere"), 3, "/run/media/joe/STICK/below-another-mount", 17);
  EXPECT_EQ(found(), (Lines{"10 writer /run/media/joe/STICK/a b\n"}));
}

TEST_F(BusyProcesses, AMappedFileCountsByItsDeviceNumber) {
  write(process(10, "player") / "maps",
        "55e0-55e1 r-xp 00000000 08:01 123      /bin/player\n"
        "7f00-7f01 r--s 00000000 00:2f 12       /run/media/joe/STICK/film\n");
  write(process(11, "tricky") / "maps",
        "7f00-7f01 r--s 00000000 08:01 12       /home/joe/ 00:2f /x\n");
  write(process(12, "first") / "maps", "7f00-7f01 r--s 00000000 00:2f 12\n");
  EXPECT_EQ(found(),
            (Lines{"10 player /run/media/joe/STICK/film", "12 first /run/media/joe/STICK"}));
}

TEST_F(BusyProcesses, MountsOnTopAndElsewhereAreTheKernels) {
  write("proc/self/mountinfo",
        std::string(kTable) +
            "100 93 0:60 / /run/media/joe/STICK/inner rw - tmpfs none rw\n"
            "101 100 0:61 / /run/media/joe/STICK/inner/deep rw - tmpfs none rw\n"
            "102 22 0:47 /sub /srv rw - fuse.airlock.ext4 /dev/sdb1 rw\n"
            "103 22 0:62 / /run/media/joe/STICK2 rw - tmpfs none rw\n");
  EXPECT_EQ(found(), (Lines{"0 kernel /run/media/joe/STICK/inner",
                            "0 kernel /run/media/joe/STICK/inner/deep", "0 kernel /srv"}));
}

TEST_F(BusyProcesses, LoopDevicesAndSwapOnItsFilesAreTheKernels) {
  write("sys/block/loop3/loop/backing_file", "/run/media/joe/STICK/disk.img\n");
  write("sys/block/loop4/loop/backing_file", "/home/joe/disk.img\n");
  write("sys/block/sda/size", "7\n");
  write("proc/swaps",
        "Filename Type Size Used Priority\n/run/media/joe/STICK/my\\040swap file 8 0 -2\n");
  EXPECT_EQ(found(), (Lines{"0 kernel /run/media/joe/STICK/disk.img",
                            "0 kernel /run/media/joe/STICK/my swap"}));
}

TEST_F(BusyProcesses, AnotherNamespaceKnowsItByItsOwnNameAndNumber) {
  const fs::path inside = process(10, "inside");
  link(inside / "ns/mnt", "mnt:[2]");
  write(inside / "mountinfo",
        "400 399 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "401 400 0:47 / /data rw master:5 - fuse.airlock.ext4 /dev/sdb1 rw\n");
  opens(inside, 3, "/data/file", 401);
  const fs::path same_name = process(11, "same-name");
  link(same_name / "ns/mnt", "mnt:[3]");
  link(same_name / "cwd", "/run/media/joe/STICK");
  write(same_name / "mountinfo", "500 499 8:1 / / rw - ext4 /dev/sda1 rw\n");
  EXPECT_EQ(found(), (Lines{"10 inside /data/file"}));
}

TEST_F(BusyProcesses, ANamespaceThatUnmountingDoesNotReachHoldsIt) {
  const std::string root = "400 399 8:1 / / rw - ext4 /dev/sda1 rw\n";
  const auto with_copy = [&](int pid, const std::string& space, const std::string& group) {
    const fs::path folder = process(pid, "p");
    link(folder / "ns/mnt", space);
    write(folder / "mountinfo",
          root + "401 400 0:47 / /copy rw" + group + " - fuse.airlock.ext4 /dev/sdb1 rw\n");
  };
  with_copy(10, "mnt:[2]", " master:5");
  with_copy(11, "mnt:[3]", " shared:5");
  with_copy(14, "mnt:[5]", " shared:9 master:7");  // a follower of a follower
  EXPECT_EQ(found(), Lines{});
  with_copy(12, "mnt:[4]", "");
  with_copy(13, "mnt:[4]", "");
  EXPECT_EQ(found().size(), 1U) << "one for the namespace";
}

TEST_F(BusyProcesses, ErrandsAreNotToBlameButForTheImagesTheyKeep) {
  const std::string program = "/usr/libexec/airlock/airlockd";
  const std::string of_root = "Name:\tx\nUid:\t0\t0\t0\t0\n";
  const auto errand = [&](int pid, const std::string& status) {
    const fs::path folder = process(pid, "airlockd-errand");
    link(folder / "exe", program);
    write(folder / "status", status);
    return folder;
  };
  link("proc/self/exe", program);
  opens(errand(10, of_root), 3, "/run/media/joe/STICK", 93);
  link(errand(11, of_root) / "cwd", "/run/media/joe/STICK");
  const fs::path starter = errand(12, of_root);
  link(starter / "ns/mnt", "mnt:[4]");
  write(starter / "mountinfo",
        "400 399 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "401 400 0:47 / /copy rw - fuse.airlock.ext4 /dev/sdb1 rw\n");
  EXPECT_EQ(found(), Lines{});
  // Nobody hides behind our name, nor behind our program.
  link(process(13, "airlockd-errand") / "cwd", "/run/media/joe/STICK/a");
  link(errand(14, "Name:\tx\nUid:\t1000\t0\t0\t0\n") / "cwd", "/run/media/joe/STICK/b");
  opens(errand(15, of_root), 3, "/run/media/joe/STICK/disk.iso", 93);
  EXPECT_EQ(found(), (Lines{"13 airlockd-errand /run/media/joe/STICK/a",
                            "14 airlockd-errand /run/media/joe/STICK/b",
                            "15 airlockd /run/media/joe/STICK/disk.iso"}));
}

TEST_F(BusyProcesses, ThreadsOfTheKernelAreSkippedAndTheNumberIsBounded) {
  const fs::path thread = process(9, "kthread");
  fs::remove(root_ / thread / "exe");
  link(thread / "cwd", "/run/media/joe/STICK");
  EXPECT_EQ(found(), Lines{});
  for (int pid = 100; pid < 200; ++pid) link(process(pid) / "cwd", "/run/media/joe/STICK");
  EXPECT_EQ(found().size(), kMostBusyProcesses);
}

TEST(BusyProcessesReport, ComesBackAsItWasOrShorter) {
  const std::vector<BusyProcess> processes = {
      {.pid = 7, .name = "a\nb", .path = "/x y"},
      {.pid = 0, .name = "kernel", .path = ""},
      {.pid = 8, .name = "c", .path = "/", .has_copy = true}};
  const auto again = unpack_busy_processes(pack_busy_processes(processes));
  ASSERT_TRUE(again.has_value());
  ASSERT_EQ(again->size(), 3U);
  EXPECT_EQ(again->at(0).pid, 7);
  EXPECT_EQ(again->at(0).name, "a\nb");
  EXPECT_EQ(again->at(0).path, "/x y");
  EXPECT_EQ(again->at(1).name, "kernel");
  EXPECT_FALSE(again->at(1).has_copy);
  EXPECT_TRUE(again->at(2).has_copy);
  EXPECT_TRUE(unpack_busy_processes("")->empty());
  for (const std::string& wrong :
       {std::string("7"), std::string("7\0a\0", 4), std::string("7\0a\0b\0", 6),
        std::string("x\0a\0b\0\0", 7), std::string("\0a\0b\0\0", 6)})
    EXPECT_FALSE(unpack_busy_processes(wrong));
  const std::vector<BusyProcess> long_ones(
      64, BusyProcess{.pid = 1, .name = "x", .path = std::string(4000, 'x')});
  const std::string bytes = pack_busy_processes(long_ones);
  EXPECT_LE(bytes.size(), ErrandReport::kMostBytes);
  EXPECT_EQ(unpack_busy_processes(bytes)->size(), 8U);
}

}  // namespace
}  // namespace airlock
