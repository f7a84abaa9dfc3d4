// SPDX-License-Identifier: GPL-2.0-or-later
// Holders of real mounts, and real mounts found again: in a mount namespace of its own, with
// processes that use them, and with a FUSE filesystem without a server.
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <vector>

#include "daemon/places/adoption.h"
#include "daemon/places/mount_place.h"
#include "daemon/system/busy_processes.h"
#include "daemon/system/mount_table.h"
#include "places_fixture.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

// A process that does something, reports it, and waits for its end.
class Holder {
 public:
  explicit Holder(const std::function<bool()>& work) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const char done = work() ? 'y' : 'n';
      (void)!::write(ends[1], &done, 1);
      for (;;) (void)::pause();
    }
    ::close(ends[1]);
    char answer = 0;
    EXPECT_EQ(::read(ends[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    ::close(ends[0]);
  }
  ~Holder() {
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class HoldersRunAsRoot : public PlacesRunAsRoot {
 protected:
  void SetUp() override {
    PlacesRunAsRoot::SetUp();
    const auto place = make_mount_place({.base = root_ / "media",
                                         .user = 4711,
                                         .group = 4711,
                                         .user_name = "joe",
                                         .folder = "STICK"});
    ASSERT_TRUE(place.has_value());
    place_ = *place;
  }

  void mount_tmpfs() const { ASSERT_EQ(::mount("none", place_.c_str(), "tmpfs", 0, nullptr), 0); }
  // Nothing reads the other end: every request to this filesystem waits.
  [[nodiscard]] UniqueFd mount_fuse() const {
    UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    const std::string options =
        fmt::format("fd={},rootmode=40000,user_id=4711,group_id=4711", device.get());
    EXPECT_EQ(::mount("/dev/sdx1", place_.c_str(), "fuse.airlock.test", MS_NOSUID | MS_NODEV,
                      options.c_str()),
              0)
        << errno;
    return device;
  }

  [[nodiscard]] MountEntry entry() const {
    const auto table = read_mount_table("/proc/self/mountinfo");
    const auto found = std::ranges::find(*table, place_.string(), &MountEntry::mount_point);
    EXPECT_NE(found, table->end());
    return found == table->end() ? MountEntry() : *found;
  }
  [[nodiscard]] MountIdentity mount() const {
    const MountEntry found = entry();
    return {.mount_point = found.mount_point,
            .mount_id = static_cast<std::uint64_t>(found.id),
            .filesystem = found.device};
  }
  // The files that the process holds; empty if it was not found.
  [[nodiscard]] std::string held_by(pid_t pid) const {
    for (const BusyProcess& process : find_busy_processes(mount()))
      if (process.pid == pid) return process.path;
    return "";
  }
  [[nodiscard]] std::vector<std::string> held_by_kernel() const {
    std::vector<std::string> paths;
    for (const BusyProcess& process : find_busy_processes(mount()))
      if (process.pid == 0) paths.push_back(process.path);
    return paths;
  }

  fs::path place_;
};

TEST_F(HoldersRunAsRoot, EveryWayToUseAMountIsFound) {
  mount_tmpfs();
  const std::string file = place_ / "file";
  std::ofstream(file) << "text";
  fs::copy_file("/bin/sleep", place_ / "program");
  EXPECT_TRUE(find_busy_processes(mount()).empty());

  const Holder in_folder([&] { return ::chdir(place_.c_str()) == 0; });
  const Holder with_file([&] { return ::open(file.c_str(), O_RDONLY) >= 0; });
  const Holder with_mapping([&] {
    const int fd = ::open(file.c_str(), O_RDONLY);
    void* memory = ::mmap(nullptr, 4, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return memory != MAP_FAILED;
  });
  const Holder with_deleted([&] {
    const std::string other = place_ / "deleted";
    return ::open(other.c_str(), O_RDWR | O_CREAT, 0600) >= 0 && ::unlink(other.c_str()) == 0;
  });
  const Holder in_jail([&] { return ::chroot(place_.c_str()) == 0 && ::chdir("/") == 0; });
  const Holder elsewhere([&] { return ::chdir("/") == 0; });
  EXPECT_EQ(held_by(in_folder.pid()), place_);
  EXPECT_EQ(held_by(with_file.pid()), file);
  EXPECT_EQ(held_by(with_mapping.pid()), file);
  EXPECT_EQ(held_by(with_deleted.pid()), (place_ / "deleted").string() + " (deleted)");
  EXPECT_EQ(held_by(in_jail.pid()), place_);
  EXPECT_EQ(held_by(elsewhere.pid()), "");
}

TEST_F(HoldersRunAsRoot, AProcessInANamespaceOfItsOwnIsFound) {
  mount_tmpfs();
  const std::string file = place_ / "file";
  std::ofstream(file) << "text";
  const Holder with_copy([] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  });
  EXPECT_EQ(held_by(with_copy.pid()), place_) << "its copy stays when ours is unmounted";
  const Holder with_file([&] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::open(file.c_str(), O_RDONLY) >= 0;
  });
  EXPECT_EQ(held_by(with_file.pid()), file);
  ASSERT_EQ(::mount("none", place_.c_str(), nullptr, MS_SHARED, nullptr), 0);
  const Holder follower([] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
  });
  EXPECT_EQ(held_by(follower.pid()), "") << "unmounting reaches it";
}

TEST_F(HoldersRunAsRoot, OnlyCopiesThatStayAreInTheWayOfAnUnmount) {
  mount_tmpfs();
  ASSERT_EQ(::mount("none", place_.c_str(), nullptr, MS_SHARED, nullptr), 0);
  const Holder follower([] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
  });
  const Holder with_file([&] { return ::open(place_.c_str(), O_RDONLY) >= 0; });
  EXPECT_TRUE(find_namespaces_with_copies(mount()).empty());
  const Holder with_copy([] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  });
  const auto found = find_namespaces_with_copies(mount());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].pid, with_copy.pid());
  EXPECT_EQ(found[0].path, place_);
  EXPECT_TRUE(found[0].has_copy);
  EXPECT_EQ(found[0].user, 0U);
  const Holder strangers([] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::setresuid(4712, 4712, 4712) == 0;
  });
  const auto both = find_namespaces_with_copies(mount());
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(std::ranges::any_of(both, [](const auto& process) { return process.user == 4712; }));
}

TEST_F(HoldersRunAsRoot, TheKernelsOwnUsesAreFound) {
  mount_tmpfs();
  const std::string image = place_ / "image";
  std::ofstream{image};
  fs::resize_file(image, 1 << 20);
  fs::create_directory(place_ / "inner");
  ASSERT_EQ(::mount("none", (place_ / "inner").c_str(), "tmpfs", 0, nullptr), 0);
  fs::create_directory(root_ / "bound");
  ASSERT_EQ(::mount(place_.c_str(), (root_ / "bound").c_str(), nullptr, MS_BIND, nullptr), 0);
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  UniqueFd backing(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  UniqueFd loop;
  for (int attempt = 0; attempt < 20 && !loop.valid(); ++attempt) {
    const std::string path = fmt::format("/dev/loop{}", ::ioctl(control.get(), LOOP_CTL_GET_FREE));
    UniqueFd device(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    loop_config config = {};
    config.fd = static_cast<std::uint32_t>(backing.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) loop = std::move(device);
  }
  ASSERT_TRUE(loop.valid());
  backing.reset();
  auto paths = held_by_kernel();
  std::ranges::sort(paths);
  std::vector<std::string> expected = {root_ / "bound", place_ / "image", place_ / "inner"};
  std::ranges::sort(expected);
  EXPECT_EQ(paths, expected);
}

TEST_F(HoldersRunAsRoot, ADriverThatHangsMakesNobodyWait) {
  const UniqueFd device = mount_fuse();
  const Holder holder([&] { return ::open(place_.c_str(), O_PATH) >= 0; });
  // A search that touches the mount would wait for ever: then let it die.
  (void)::alarm(20);
  EXPECT_EQ(held_by(holder.pid()), place_);
  const auto removed = remove_mount_place(root_ / "media", place_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Errc::kBusy);
  sweep_mount_places(root_ / "media", {});
  EXPECT_EQ(entry().type, "fuse.airlock.test");
  (void)::alarm(0);
}

// Processor time of this process, independent of the machine's load.
template <typename Work>
double processor_time(Work work) {
  timespec begin{};
  timespec end{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
  work();
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  return static_cast<double>(end.tv_sec - begin.tv_sec) * 1e3 +
         static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e6;
}

// The least work needed to find out what they hold.
void read_what_they_map(const std::vector<pid_t>& processes) {
  for (const pid_t pid : processes) {
    std::ifstream maps(fmt::format("/proc/{}/maps", pid));
    for (std::string line; std::getline(maps, line);) continue;
  }
}

TEST_F(HoldersRunAsRoot, FiveHundredProcessesAreLookedThroughQuickly) {
  mount_tmpfs();
  std::vector<pid_t> idle;
  for (int i = 0; i < 500; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0)
      for (;;) (void)::pause();
    idle.push_back(pid);
  }
  const double least = processor_time([&] { read_what_they_map(idle); });
  const double taken = processor_time([&] { EXPECT_TRUE(find_busy_processes(mount()).empty()); });
  for (const pid_t pid : idle) (void)::kill(pid, SIGKILL);
  for (const pid_t pid : idle) (void)::waitpid(pid, nullptr, 0);
  std::printf("%.1f ms for %zu processes, %.1f ms only to read their maps\n", taken, idle.size(),
              least);
  EXPECT_LT(taken, 10 * least);
}

using AdoptionRunAsRoot = HoldersRunAsRoot;

// Whether the kernel shows in /proc which connection a descriptor of /dev/fuse belongs to.
bool kernel_names_connections(const UniqueFd& mounted_device) {
  std::ifstream info(fmt::format("/proc/self/fdinfo/{}", mounted_device.get()));
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("fuse_connection:")) return true;
  return false;
}

TEST_F(AdoptionRunAsRoot, AMountWithoutARecordIsFoundWithItsDriver) {
  UniqueFd device = mount_fuse();
  const bool told = kernel_names_connections(device);
  auto driver = std::make_unique<Holder>([] { return true; });  // has a copy of the device
  device.reset();
  auto found = find_unrecorded_mounts(root_ / "media", {});
  ASSERT_EQ(found.size(), 1U);
  const LiveMount& mount = found[0].record.mount;
  EXPECT_EQ(found[0].state, AdoptedMount::State::kAlive);
  EXPECT_EQ(mount.mount_point, place_);
  EXPECT_EQ(mount.subtype, "test");
  EXPECT_EQ(found[0].record.source.path, "/dev/sdx1");
  EXPECT_EQ(found[0].record.user, 4711U);
  EXPECT_EQ(found[0].record.user_name, "joe");
  EXPECT_EQ(mount.driver_pid, told ? driver->pid() : 0);
  EXPECT_EQ(mount.life.valid(), told);
  driver.reset();
  found = find_unrecorded_mounts(root_ / "media", {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].record.mount.driver_pid, 0);
  EXPECT_EQ(found[0].state, told ? AdoptedMount::State::kDead : AdoptedMount::State::kAlive);
}

TEST_F(AdoptionRunAsRoot, ARecordIsHeldAgainstTheRealMount) {
  UniqueFd device = mount_fuse();
  auto found = find_unrecorded_mounts(root_ / "media", {});
  device.reset();
  ASSERT_EQ(found.size(), 1U);
  auto records = MountRecords::open(root_ / "records");
  ASSERT_TRUE(records.has_value());
  MountRecord& record = found[0].record;
  record.volume_id = "stick";
  record.mount.life.reset();
  ASSERT_TRUE(records->save(record));
  auto adopted = adopt_mounts(records->load());
  ASSERT_EQ(adopted.size(), 1U);
  EXPECT_NE(adopted[0].state, AdoptedMount::State::kUnmounted);
  EXPECT_TRUE(find_unrecorded_mounts(root_ / "media", adopted).empty());
  ASSERT_EQ(::umount2(place_.c_str(), MNT_DETACH), 0);
  adopted = adopt_mounts(records->load());
  EXPECT_EQ(adopted.at(0).state, AdoptedMount::State::kUnmounted);
  EXPECT_TRUE(remove_mount_place(root_ / "media", place_));
}

}  // namespace
}  // namespace airlock
