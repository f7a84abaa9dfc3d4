// SPDX-License-Identifier: GPL-2.0-or-later
// Mounts made by mount.airlock. A mountinfo file of the test's own stands in for the kernel's.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

class CoreHandover : public CoreWorld {
 protected:
  static UniqueFd some_file() { return UniqueFd(::memfd_create("image", MFD_CLOEXEC)); }
  static UniqueFd nothing() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  static constexpr int kMount = 4711;
  static std::uint64_t our_namespace() {
    struct stat info = {};
    EXPECT_EQ(::stat("/proc/self/ns/mnt", &info), 0);
    return info.st_ino;
  }

  // Begins with a mount table in which an Airlock driver serves the place.
  void begin(const std::string& source, const std::string& type = "fuse.airlock.ext4",
             const std::string& root_folder = "/") {
    const std::string path = folder + "/mountinfo";
    std::ofstream(path) << fmt::format("{} 1 0:50 {} /mnt/there rw,nosuid,nodev - {} {} rw\n",
                                       kMount, root_folder, type, source);
    start({.mountinfo = path});
    mounting.mount_by_hand(source, "/mnt/there", kMount);
    settle();
  }
  // The kernel identifies the mount by the device's number.
  void show_mounted(const std::string& node) {
    const dev_t number = devices.find(node)->number;
    std::ofstream(folder + "/mountinfo")
        << fmt::format("{} 1 {}:{} / /mnt/there rw - fuseblk.airlock.ext4 {} rw\n", kMount,
                       major(number), minor(number), node);
  }

  Asked<std::string> hand_over(const std::string& sender, UniqueFd driver = nothing(),
                               std::uint64_t name_space = our_namespace(),
                               UniqueFd image = some_file()) {
    Asked<std::string> asked;
    MountHandover handed{
        .mount = kMount,
        .mount_namespace = name_space,
        .handover = handovers.put(sender, std::move(driver), nothing(), std::move(image)),
        .program = "airlock-ext",
        .origin = "builtin",
        .user = kAnna};
    manager->adopt_mount(call_of(sender), std::move(handed), asked.reply());
    settle();
    return asked;
  }
};

TEST_F(CoreHandover, IsWatchedListedAndUnmountedLikeAnyOther) {
  begin("/no/image.img");
  const auto handed = hand_over(root);
  ASSERT_EQ(handed.message(), "ok");
  const std::string id = *handed.result();
  EXPECT_EQ(publisher.state(id), "mounted");
  EXPECT_EQ(publisher.text(id, "MountPoint"), "/mnt/there");
  EXPECT_EQ(publisher.text(id, "Driver"), "airlock-ext");
  EXPECT_EQ(publisher.text(id, "DecidedBy"), "mount.airlock");
  EXPECT_EQ(records->load().size(), 1U) << "the next airlockd finds it";
  sessions.log_in(kAnna, "anna");
  const auto unmounted = unmount(anna, id);
  settle();
  EXPECT_EQ(unmounted.message(), "ok");
  EXPECT_TRUE(records->load().empty());
  expect_quiet();
}

TEST_F(CoreHandover, OfADeviceItIsTheVolumeOfThatDevice) {
  begin("/dev/sdb1");
  plug("sdb");
  settle();
  ASSERT_EQ(publisher.state("sdb1"), "waiting");
  show_mounted("/dev/sdb1");
  const auto handed = hand_over(root);
  ASSERT_EQ(handed.message(), "ok");
  EXPECT_EQ(*handed.result(), "sdb1");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  sessions.log_in(kAnna, "anna");
  settle();
  EXPECT_TRUE(mounting.history().empty()) << "nobody mounts it a second time";
  devices.unplug("sdb");
  settle();
  EXPECT_FALSE(publisher.volumes.contains("sdb1"));
  EXPECT_TRUE(records->load().empty());
}

TEST_F(CoreHandover, TakesTheVolumeFromWhoeverLooksAtIt) {
  begin("/dev/sdb1");
  sessions.log_in(kAnna, "anna");
  prober.answer_later();
  plug("sdb");
  settle();
  ASSERT_EQ(publisher.state("sdb1"), "probing");
  show_mounted("/dev/sdb1");
  ASSERT_EQ(hand_over(root).message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  prober.answer_all();
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  EXPECT_TRUE(mounting.history().empty());
}

TEST_F(CoreHandover, OfAMediumThatWasPulledMeanwhileIsRefused) {
  begin("/dev/sdb1");
  plug("sdb");
  settle();
  show_mounted("/dev/sdb1");
  devices.unplug("sdb");
  settle();
  EXPECT_EQ(hand_over(root).code(), Errc::kNotFound);
  EXPECT_TRUE(publisher.volumes.empty());
}

TEST_F(CoreHandover, OfADeviceWithoutItsNodeIsRefused) {
  begin("/dev/no-such-device");
  EXPECT_EQ(hand_over(root, nothing(), our_namespace(), nothing()).code(), Errc::kNotFound);
  EXPECT_TRUE(publisher.volumes.empty());
}

TEST_F(CoreHandover, OnlyRootMay) {
  begin("/no/image.img");
  const auto handed = hand_over(anna);
  EXPECT_EQ(handed.code(), Errc::kNotPermitted) << handed.message();
  EXPECT_TRUE(publisher.volumes.empty());
}

TEST_F(CoreHandover, NotTwice) {
  begin("/no/image.img");
  ASSERT_EQ(hand_over(root).message(), "ok");
  EXPECT_EQ(hand_over(root).code(), Errc::kAlreadyMounted);
}

TEST_F(CoreHandover, OfAnotherNamespaceIsRefused) {
  begin("/no/image.img");
  EXPECT_EQ(hand_over(root, nothing(), our_namespace() + 1).code(), Errc::kUnsupported);
}

TEST_F(CoreHandover, WhatIsNotOursIsRefused) {
  begin("/dev/sda1", "ext4");
  EXPECT_EQ(hand_over(root).code(), Errc::kInvalidArgument);
}

TEST_F(CoreHandover, PartOfAMountIsRefused) {
  begin("/no/image.img", "fuse.airlock.ext4", "/folder");
  EXPECT_EQ(hand_over(root).code(), Errc::kInvalidArgument);
}

TEST_F(CoreHandover, AfterADeathItIsDetachedAndNotRecovered) {
  begin("/no/image.img");
  const auto handed = hand_over(root);
  ASSERT_EQ(handed.message(), "ok");
  mounting.die("/no/image.img");
  settle();
  const std::string id = *handed.result();
  ASSERT_EQ(publisher.state(id), "dead");
  const auto again = recover(root, id, "read-write");
  settle();
  EXPECT_EQ(again.code(), Errc::kUnsupported) << again.message();
  const auto away = detach(root, id);
  settle();
  EXPECT_EQ(away.message(), "ok");
  EXPECT_TRUE(records->load().empty());
}

}  // namespace
}  // namespace airlock
