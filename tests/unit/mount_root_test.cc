// SPDX-License-Identifier: GPL-2.0-or-later
// The mounter with the running kernel, in a mount namespace of its own. A tiny FUSE server stands
// in for a driver.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/mount/mounter.h"
#include "daemon/system/mount_table.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;  // NOLINT: literals only

// Answers the kernel's requests about an empty directory until the connection ends.
class TinyServer {
 public:
  explicit TinyServer(UniqueFd device) : device_(std::move(device)), thread_([this] { serve(); }) {}
  ~TinyServer() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] bool saw_destroy() const { return saw_destroy_; }

 private:
  void serve() {
    std::vector<char> buffer(std::size_t{1} << 20);
    while (!stop_) {
      // Wakes up now and then, so that a failed test ends and does not hang.
      pollfd wait = {.fd = device_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, /*timeout=*/20) == 0) continue;
      const ssize_t size = ::read(device_.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) break;
      fuse_in_header in = {};
      std::memcpy(&in, buffer.data(), sizeof in);
      answer(in);
      if (in.opcode == FUSE_DESTROY) break;
    }
    device_.reset();
  }

  void answer(const fuse_in_header& in) {
    if (in.opcode == FUSE_INIT) {
      fuse_init_out init = {};
      init.major = FUSE_KERNEL_VERSION;
      init.minor = 31;
      init.max_write = 4096;
      return reply(in, 0, init);
    }
    if (in.opcode == FUSE_GETATTR) {
      fuse_attr_out attributes = {};
      attributes.attr.ino = 1;
      attributes.attr.mode = S_IFDIR | 0755;
      attributes.attr.nlink = 2;
      return reply(in, 0, attributes);
    }
    if (in.opcode == FUSE_FORGET || in.opcode == FUSE_BATCH_FORGET) return;
    if (in.opcode == FUSE_DESTROY) saw_destroy_ = true;
    reply(in, in.opcode == FUSE_DESTROY ? 0 : -ENOSYS, std::array<char, 0>{});
  }

  template <typename Body>
  void reply(const fuse_in_header& in, int error, const Body& body) {
    const std::size_t size = std::is_empty_v<Body> || error != 0 ? 0 : sizeof body;
    fuse_out_header out = {};
    out.len = static_cast<std::uint32_t>(sizeof out + size);
    out.error = error;
    out.unique = in.unique;
    std::array<char, 512> packet;
    std::memcpy(packet.data(), &out, sizeof out);
    if (size > 0) std::memcpy(packet.data() + sizeof out, &body, size);
    (void)!::write(device_.get(), packet.data(), out.len);
  }

  UniqueFd device_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> saw_destroy_ = false;
  std::thread thread_;
};

// A loop device that goes away with its last user.
class LoopDevice {
 public:
  LoopDevice(const std::string& image, std::uint32_t flags) {
    const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    const UniqueFd backing(::open(image.c_str(), O_RDWR | O_CLOEXEC));
    // Other programs take loop devices too, so a free one may be taken before it is opened.
    for (int attempt = 0; attempt < 20 && !fd_.valid(); ++attempt) {
      path_ = fmt::format("/dev/loop{}", ::ioctl(control.get(), LOOP_CTL_GET_FREE));
      UniqueFd loop(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
      loop_config config = {};
      config.fd = static_cast<std::uint32_t>(backing.get());
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR | flags;
      if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) fd_ = std::move(loop);
    }
  }
  [[nodiscard]] bool valid() const { return fd_.valid(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  UniqueFd fd_;
  std::string path_;
};

class MounterRunAsRoot : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Whatever is left mounted ends with this process.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    std::string name = testing::TempDir() + "airlock-mounter-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    place_ = root_ / "place";
    fs::create_directory(place_);
    image_ = root_ / "image";
    std::ofstream{image_};
    fs::resize_file(image_, 1 << 20);
  }
  void TearDown() override { fs::remove_all(root_); }

  static MountRequest request(bool block) {
    return {.block = block,
            .source = "/nonsense",
            .subtype = "test",
            .options = {},
            .flags = 0,
            .root_mode = S_IFREG,
            .user = 0,
            .group = 0};
  }
  Medium medium(const std::string& path, MediumAccess access = MediumAccess::kReadWrite) {
    auto found = Medium::find(path, access);
    EXPECT_TRUE(found) << found.error().message();
    return std::move(*found);
  }
  MountPoint place() {
    auto pinned = MountPoint::pin(place_);
    EXPECT_TRUE(pinned) << pinned.error().message();
    return std::move(*pinned);
  }
  // At the usual place, of a device without another user.
  Result<Mount> attach_fuseblk(const std::string& device, BorrowedFd fuse) {
    const Medium source = medium(device);
    MountRequest wanted = request(/*block=*/true);
    wanted.source = source.path();
    wanted.root_mode = S_IFDIR;
    return Mount::attach(wanted, fuse, place().descriptor());
  }
  // The entry of the mount table on a path, or one with an empty type.
  static MountEntry mounted_on(const fs::path& path) {
    MountEntry found;
    const auto table = read_mount_table("/proc/self/mountinfo");
    for (const MountEntry& entry : *table)
      if (entry.mount_point == path) found = entry;
    return found;
  }

  fs::path root_;
  fs::path place_;
  fs::path image_;
};

TEST_F(MounterRunAsRoot, AttachesAndDetachesPlainFuse) {
  Medium image = medium(image_);
  ASSERT_TRUE(image.claim(MediumHold::kOurs));
  const MountPoint where = place();
  Mounter mounter(image, where, {});
  auto device = mounter.open_fuse_device();
  ASSERT_TRUE(device);
  auto attached = mounter.attach(request(/*block=*/false), device->borrow());
  ASSERT_TRUE(attached) << attached.error().message();
  TinyServer server(std::move(*device));

  const MountEntry entry = mounted_on(place_);
  EXPECT_EQ(entry.type, "fuse.airlock.test");
  EXPECT_EQ(entry.source, image_) << "the driver's idea of the source counts for nothing";
  struct stat root = {};
  EXPECT_EQ(::stat(place_.c_str(), &root), 0);
  EXPECT_TRUE(S_ISDIR(root.st_mode));
  mounter.detach();
  EXPECT_EQ(mounted_on(place_).type, "");
}

TEST_F(MounterRunAsRoot, ForcesNosuidNodevAndTheReadOnlyMedium) {
  Medium image = medium(image_, MediumAccess::kReadOnly);
  const MountPoint where = place();
  Mounter mounter(image, where, {.flags = MS_NOEXEC});
  auto device = mounter.open_fuse_device();
  ASSERT_TRUE(mounter.attach(request(/*block=*/false), device->borrow()));
  TinyServer server(std::move(*device));
  std::ifstream table("/proc/self/mountinfo");
  std::string line;
  while (std::getline(table, line) && line.find(place_.string()) == std::string::npos) {
  }
  EXPECT_NE(line.find(" ro,nosuid,nodev,noexec"), std::string::npos) << line;
  mounter.detach();
}

TEST_F(MounterRunAsRoot, ASymlinkPutInThePlaceAfterPinningChangesNothing) {
  Medium image = medium(image_);
  const MountPoint where = place();
  fs::create_directory(root_ / "precious");
  fs::rename(place_, root_ / "moved");
  fs::create_directory_symlink(root_ / "precious", place_);
  Mounter mounter(image, where, {});
  auto device = mounter.open_fuse_device();
  ASSERT_TRUE(mounter.attach(request(/*block=*/false), device->borrow()));
  TinyServer server(std::move(*device));
  EXPECT_EQ(mounted_on(root_ / "moved").type, "fuse.airlock.test");
  EXPECT_EQ(mounted_on(root_ / "precious").type, "");
  mounter.detach();
  EXPECT_EQ(mounted_on(root_ / "moved").type, "");
}

TEST_F(MounterRunAsRoot, DetachingTakesOurMountAndNotOneThatSitsAtItsPath) {
  fs::create_directories(root_ / "parent/place");
  Medium image = medium(image_);
  const auto where = MountPoint::pin(root_ / "parent/place");
  ASSERT_TRUE(where);
  Mounter mounter(image, *where, {});
  auto device = mounter.open_fuse_device();
  ASSERT_TRUE(mounter.attach(request(/*block=*/false), device->borrow()));
  TinyServer server(std::move(*device));
  fs::rename(root_ / "parent", root_ / "aside");
  fs::create_directories(root_ / "parent/place");
  ASSERT_EQ(::mount("none", (root_ / "parent/place").c_str(), "tmpfs", 0, nullptr), 0);
  mounter.detach();
  EXPECT_EQ(mounted_on(root_ / "parent/place").type, "tmpfs");
  EXPECT_EQ(mounted_on(root_ / "aside/place").type, "");
  ASSERT_EQ(::umount2((root_ / "parent/place").c_str(), 0), 0);
}

TEST_F(MounterRunAsRoot, DetachingAfterSomebodyElseUnmountedIsNoError) {
  Medium image = medium(image_);
  const MountPoint where = place();
  Mounter mounter(image, where, {});
  auto device = mounter.open_fuse_device();
  ASSERT_TRUE(mounter.attach(request(/*block=*/false), device->borrow()));
  TinyServer server(std::move(*device));
  ASSERT_EQ(::umount2(place_.c_str(), MNT_DETACH), 0);
  mounter.detach();
  EXPECT_FALSE(mounter.attached());
}

TEST_F(MounterRunAsRoot, KeptMountsOutliveTheMounter) {
  Medium image = medium(image_);
  const MountPoint where = place();
  UniqueFd device;
  {
    Mounter mounter(image, where, {});
    device = std::move(*mounter.open_fuse_device());
    ASSERT_TRUE(mounter.attach(request(/*block=*/false), device.borrow()));
    mounter.keep();
  }
  EXPECT_EQ(mounted_on(place_).type, "fuse.airlock.test");
  device.reset();
  ASSERT_EQ(::umount2(place_.c_str(), 0), 0);
}

TEST_F(MounterRunAsRoot, AMounterThatGoesAwayTakesItsMountAlong) {
  Medium image = medium(image_);
  const MountPoint where = place();
  UniqueFd device;
  {
    Mounter mounter(image, where, {});
    device = std::move(*mounter.open_fuse_device());
    ASSERT_TRUE(mounter.attach(request(/*block=*/false), device.borrow()));
  }
  EXPECT_EQ(mounted_on(place_).type, "");
}

TEST_F(MounterRunAsRoot, FuseblkUsesTheDeviceNumberAndClaimsTheDevice) {
  const LoopDevice loop(image_, 0);
  ASSERT_TRUE(loop.valid());
  Medium device = medium(loop.path());
  ASSERT_TRUE(device.claim(MediumHold::kKernel));
  const MountPoint where = place();
  Mounter mounter(device, where, {});
  auto fuse = mounter.open_fuse_device();
  auto attached = mounter.attach(request(/*block=*/true), fuse->borrow());
  ASSERT_TRUE(attached) << attached.error().message();
  TinyServer server(std::move(*fuse));
  const MountEntry entry = mounted_on(place_);
  EXPECT_EQ(entry.type, "fuseblk.airlock.test");
  EXPECT_EQ(entry.device, device.device());

  Medium again = medium(loop.path());
  const auto claimed = again.claim(MediumHold::kKernel);
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, Errc::kBusy);
  EXPECT_NE(claimed.error().message().find("mounted on \"" + place_.string()), std::string::npos)
      << claimed.error().message();

  // A mounter that does not check first is refused by the kernel instead of sharing the superblock.
  fs::create_directory(root_ / "second");
  const auto second_place = MountPoint::pin(root_ / "second");
  Mounter second(again, *second_place, {});
  auto second_fuse = second.open_fuse_device();
  const auto shared = second.attach(request(/*block=*/true), second_fuse->borrow());
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().code, Errc::kBusy) << shared.error().message();
  mounter.detach();
}

TEST_F(MounterRunAsRoot, WhoKeepsADeviceInAnotherNamespaceIsNamed) {
  const LoopDevice loop(image_, 0);
  ASSERT_TRUE(loop.valid());
  UniqueFd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  auto mount = attach_fuseblk(loop.path(), fuse.borrow());
  ASSERT_TRUE(mount) << mount.error().message();
  TinyServer server(std::move(fuse));
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::write(ready[1], "r", 1) != 1) ::_exit(1);
    for (;;) (void)::pause();
  }
  (void)::close(ready[1]);  // so that a failing keeper ends the pipe
  const UniqueFd told(ready[0]);
  char byte = 0;
  ASSERT_EQ(::read(told.get(), &byte, 1), 1);
  EXPECT_TRUE(mount->unmount());

  Medium again = medium(loop.path());
  const auto claimed = again.claim(MediumHold::kKernel);
  (void)::kill(keeper, SIGKILL);
  (void)::waitpid(keeper, nullptr, 0);
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, Errc::kBusy);
  EXPECT_NE(claimed.error().message().find(fmt::format("(pid {})", keeper)), std::string::npos)
      << claimed.error().message();
}

TEST_F(MounterRunAsRoot, DetachingFuseblkDoesNotWaitForASilentDriver) {
  const LoopDevice loop(image_, 0);
  ASSERT_TRUE(loop.valid());
  Medium device = medium(loop.path());
  const MountPoint where = place();
  Mounter mounter(device, where, {});
  auto fuse = mounter.open_fuse_device();
  ASSERT_TRUE(mounter.attach(request(/*block=*/true), fuse->borrow()));
  // Nothing ever reads the device, and it stays open.
  const auto begin = std::chrono::steady_clock::now();
  mounter.detach();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);  // it would wait for ever
  EXPECT_EQ(mounted_on(place_).type, "");
}

TEST_F(MounterRunAsRoot, APlainUnmountOfFuseblkLetsTheDriverFinish) {
  const LoopDevice loop(image_, 0);
  ASSERT_TRUE(loop.valid());
  UniqueFd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  auto mount = attach_fuseblk(loop.path(), fuse.borrow());
  ASSERT_TRUE(mount) << mount.error().message();
  TinyServer server(std::move(fuse));
  struct stat root = {};
  EXPECT_EQ(::stat(place_.c_str(), &root), 0);
  ASSERT_TRUE(mount->unmount());
  EXPECT_TRUE(server.saw_destroy());
}

TEST_F(MounterRunAsRoot, TheKernelsReasonIsPartOfTheMessage) {
  Medium image = medium(image_);
  const MountPoint where = place();
  Mounter mounter(image, where, {});
  auto device = mounter.open_fuse_device();
  MountRequest wrong = request(/*block=*/false);
  wrong.options = {"no_such_option"};
  const auto attached = mounter.attach(wrong, device->borrow());
  ASSERT_FALSE(attached);
  EXPECT_NE(attached.error().message().find("the kernel says"), std::string::npos)
      << attached.error().message();
  EXPECT_NE(attached.error().message().find("no_such_option"), std::string::npos);
}

TEST_F(MounterRunAsRoot, AnImageFileIsHeldByItsFirstWriter) {
  Medium first = medium(image_);
  ASSERT_TRUE(first.claim(MediumHold::kOurs));
  Medium second = medium(image_);
  const auto claimed = second.claim(MediumHold::kOurs);
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, Errc::kBusy);
  Medium reader = medium(image_, MediumAccess::kReadOnly);
  EXPECT_FALSE(reader.claim(MediumHold::kOurs)) << "what is being written cannot be read";
}

TEST_F(MounterRunAsRoot, AnImageFileMayHaveManyReaders) {
  Medium first = medium(image_, MediumAccess::kReadOnly);
  ASSERT_TRUE(first.claim(MediumHold::kOurs));
  Medium second = medium(image_, MediumAccess::kReadOnly);
  EXPECT_TRUE(second.claim(MediumHold::kOurs));
  Medium writer = medium(image_);
  EXPECT_FALSE(writer.claim(MediumHold::kOurs));
}

TEST_F(MounterRunAsRoot, TheClaimTravelsWithTheDriversDescriptor) {
  Result<UniqueFd> drivers = fail(Errc::kNotFound, "none yet");
  {
    Medium first = medium(image_);
    ASSERT_TRUE(first.claim(MediumHold::kOurs));
    drivers = first.descriptor(MediumAccess::kReadWrite);
    ASSERT_TRUE(drivers);
  }
  Medium second = medium(image_);
  EXPECT_FALSE(second.claim(MediumHold::kOurs)) << "the driver still has it";
  drivers->reset();
  EXPECT_TRUE(second.claim(MediumHold::kOurs));
}

TEST_F(MounterRunAsRoot, AnImageBehindALoopDeviceIsRefusedByName) {
  const LoopDevice loop(image_, 0);
  ASSERT_TRUE(loop.valid());
  Medium image = medium(image_);
  const auto claimed = image.claim(MediumHold::kOurs);
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message().find(loop.path()), std::string::npos)
      << claimed.error().message();
}

TEST_F(MounterRunAsRoot, ABlockDeviceForPlainFuseIsHeldExclusively) {
  const LoopDevice loop(image_, 0);
  ASSERT_TRUE(loop.valid());
  Medium device = medium(loop.path());
  ASSERT_TRUE(device.claim(MediumHold::kOurs));
  auto drivers = device.descriptor(MediumAccess::kReadWrite);
  ASSERT_TRUE(drivers);
  const UniqueFd other(::open(loop.path().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  EXPECT_FALSE(other.valid());
  EXPECT_EQ(errno, EBUSY);
}

TEST_F(MounterRunAsRoot, AWriteProtectedDeviceIsOpenedReadOnly) {
  const LoopDevice loop(image_, LO_FLAGS_READ_ONLY);
  ASSERT_TRUE(loop.valid());
  Medium device = medium(loop.path());
  EXPECT_TRUE(device.read_only());
  EXPECT_TRUE(device.write_protected());
  ASSERT_TRUE(device.claim(MediumHold::kOurs));
  const auto refused = device.descriptor(MediumAccess::kReadWrite);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().cause.value(), EROFS);
  auto drivers = device.descriptor(MediumAccess::kReadOnly);
  ASSERT_TRUE(drivers);
  EXPECT_EQ(::fcntl(drivers->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(MounterRunAsRoot, AskingForReadOnlyNeverOpensForWriting) {
  Medium image = medium(image_, MediumAccess::kReadOnly);
  EXPECT_FALSE(image.write_protected());
  const MountPoint where = place();
  Mounter mounter(image, where, {});
  EXPECT_FALSE(mounter.open_medium(O_RDWR, /*block_device_only=*/false, /*block_size=*/0));
  EXPECT_FALSE(mounter.open_medium(O_WRONLY, /*block_device_only=*/false, /*block_size=*/0));
  EXPECT_TRUE(mounter.open_medium(O_RDONLY, /*block_device_only=*/false, /*block_size=*/0));
  const auto block = mounter.open_medium(O_RDONLY, /*block_device_only=*/true, /*block_size=*/0);
  ASSERT_FALSE(block);
  EXPECT_EQ(block.error().cause.value(), ENOTBLK);
}

TEST_F(MounterRunAsRoot, OnlyDevicesAndFilesWithContentAreMedia) {
  EXPECT_FALSE(Medium::find(root_ / "missing", MediumAccess::kReadOnly));
  EXPECT_FALSE(Medium::find(place_, MediumAccess::kReadOnly)) << "a directory";
  EXPECT_FALSE(Medium::find("/dev/null", MediumAccess::kReadOnly)) << "a character device";
  ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(Medium::find(root_ / "fifo", MediumAccess::kReadOnly)) << "opening it would block";
  std::ofstream{root_ / "empty"};
  EXPECT_FALSE(Medium::find(root_ / "empty", MediumAccess::kReadOnly));
  fs::create_symlink(image_, root_ / "link");
  EXPECT_EQ(medium(root_ / "link").path(), image_);
}

TEST_F(MounterRunAsRoot, MountPointsAreDirectoriesOrFiles) {
  EXPECT_EQ(MountPoint::pin(place_)->file_type(), static_cast<std::uint32_t>(S_IFDIR));
  EXPECT_EQ(MountPoint::pin(image_)->file_type(), static_cast<std::uint32_t>(S_IFREG));
  EXPECT_FALSE(MountPoint::pin(root_ / "missing"));
  EXPECT_FALSE(MountPoint::pin("/dev/null"));
}

}  // namespace
}  // namespace airlock
