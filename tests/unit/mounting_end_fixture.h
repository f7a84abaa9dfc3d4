// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/mount/fuse_control.h"
#include "tests/unit/mounting_fixture.h"

namespace airlock {

// For tests of the ends of mounts.
class MountEndRunAsRoot : public KernelMountingRunAsRoot {
 protected:
  std::unique_ptr<Watched> watched(const std::string& behaviour, bool fuseblk = true) {
    auto live = mount(add_loop(behaviour).source(), decision(fuseblk));
    EXPECT_TRUE(live.has_value()) << live.error().message();
    if (!live) return nullptr;
    return std::make_unique<Watched>(mounting(), std::move(*live));
  }
  // Stops it for certain: before that it could still take a request, and then the process that
  // waits for the answer cannot even be killed.
  void stop(const LiveMount& live) {
    ASSERT_EQ(::kill(live.driver_pid, SIGSTOP), 0);
    ASSERT_TRUE(run_until([&] {
      std::ifstream file(fmt::format("/proc/{}/stat", live.driver_pid));
      std::string line;
      std::getline(file, line);
      return line.find(") T ") != std::string::npos;
    }));
  }
  // A process waits for its driver, and so does Airlock's question whether it lives.
  static bool is_asked_too(const LiveMount& live) {
    return FuseControl().waiting(live.filesystem) > 1UL;
  }
  // Its driver is stopped, a process waits for it, and the connection is gone.
  std::unique_ptr<Watched> watched_without_connection() {
    options_.heartbeat = 20ms;
    auto mount = watched("serve");
    stop(mount->live);
    look_up(mount->live, "anything");
    EXPECT_TRUE(run_until([&] { return is_asked_too(mount->live); }));
    EXPECT_TRUE(FuseControl().abort(mount->live.filesystem).has_value());
    return mount;
  }
  // Like umount(8), in a process of its own: it waits in the kernel for the driver's answer.
  bool unmounted_by_hand(const LiveMount& live, int flags = 0) {
    const pid_t by_hand = in_child(
        [path = live.mount_point, flags] { ::_exit(::umount2(path.c_str(), flags) == 0 ? 0 : 1); });
    int status = -1;
    bool done = false;
    return run_until([&] { return done = done || ::waitpid(by_hand, &status, WNOHANG) == by_hand; },
                     kPatience) &&
           status == 0;
  }
  // How often an event made the loop turn.
  int rounds_in(std::chrono::milliseconds time) {
    ticker_.reset();  // it turns the loop all the time
    int rounds = 0;
    for (const auto end = std::chrono::steady_clock::now() + time;
         std::chrono::steady_clock::now() < end;)
      rounds += loop_->run_once(time).value_or(false) ? 1 : 0;
    ticker_.emplace(*loop_);
    return rounds;
  }
  // Some process waits for an answer at any time, and then for the next.
  void keep_busy(const LiveMount& live) {
    for (int i = 0; i < 3; ++i)
      children_.push_back(in_child([path = live.mount_point + "/nothing"] {
        for (;;) {
          struct stat info = {};
          (void)::stat(path.c_str(), &info);
        }
      }));
  }
  // Looks the name up, waits for the report, and takes the mount away.
  DriverDeath death_after(const std::string& name, std::chrono::milliseconds at_most = 1s) {
    auto mount = watched("serve");
    look_up(mount->live, name);
    EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, at_most)) << name;
    const DriverDeath death = mount->death.value_or(DriverDeath{});
    EXPECT_TRUE(detach(mount->live).has_value());
    run_for(100ms);
    EXPECT_EQ(mount->told, 1) << name;
    mount.reset();
    expect_nothing_left();
    return death;
  }
};

// Another server, whose mount has this number. None if another program of the machine took the
// number.
struct OtherServer {
  explicit OtherServer(const std::string& folder) : folder_(folder) {}
  OtherServer(const OtherServer&) = delete;
  OtherServer& operator=(const OtherServer&) = delete;
  ~OtherServer() {
    for (const std::string& place : places_) (void)::umount2(place.c_str(), MNT_DETACH);
  }
  // The kernel gives away the lowest free number first.
  bool take(dev_t number) {
    for (int i = 0; i < 32; ++i) {
      mount_one();
      const auto table = read_mount_table("/proc/self/mountinfo").value();
      if (std::ranges::find(table, places_.back(), &MountEntry::mount_point)->device == number)
        return true;
      kept_.push_back(std::move(server_));
    }
    return false;
  }
  void mount_one() {
    places_.push_back(fmt::format("{}/other-{}", folder_, places_.size()));
    fs::create_directory(places_.back());
    server_ = UniqueFd(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    const std::string options =
        fmt::format("fd={},rootmode=40000,user_id=0,group_id=0", server_.get());
    EXPECT_EQ(::mount("other", places_.back().c_str(), "fuse", 0, options.c_str()), 0);
  }
  [[nodiscard]] const std::string& place() const { return places_.back(); }
  [[nodiscard]] bool lives() const {
    std::array<char, 8192> greeting{};
    return ::read(server_.get(), greeting.data(), greeting.size()) > 0;
  }

 private:
  std::string folder_;
  std::vector<std::string> places_;
  UniqueFd server_;
  std::vector<UniqueFd> kept_;
};

}  // namespace airlock
