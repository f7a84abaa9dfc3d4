// SPDX-License-Identifier: GPL-2.0-or-later
// Prints the reports of a UdevDeviceSource, one line per event, for tests with real devices:
//
//   device_watch [--voice=kernel|udevd] [--buffer=BYTES] [--dev=FOLDER] [--fstab=FILE]
//
// Prints "ready VOICE" after the start. It answers a line "find NODE" on standard input with a line
// "found ..." or "found nothing"; after "sleep MILLISECONDS" it reads no message for that long; the
// end of input ends it.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "daemon/devices/udev_device_source.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

struct Options {
  NetlinkOptions netlink = {.voice = present_voice()};
  SystemDevices::Places places;
};

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const std::string name = word.substr(0, word.find('='));
    const std::string value = word.substr(word.find('=') + 1);
    if (name == "--voice")
      options.netlink.voice =
          value == "udevd" ? UeventFeed::Voice::kUdevd : UeventFeed::Voice::kKernel;
    if (name == "--buffer") options.netlink.receive_buffer = std::atoi(value.c_str());
    if (name == "--dev") options.places.dev = value;
    if (name == "--fstab") options.places.fstab = value;
  }
  return options;
}

void print(const std::string& word, const Device& device) {
  std::string users;
  for (const std::string& user : device.users) users += (users.empty() ? "" : ";") + user;
  fmt::print(
      "{} name={} size={} sequence={} drive={} partitions={:d} read_only={:d} bus={} "
      "system={} users={} serial={}\n",
      word, device.name, device.size, device.disk_sequence, device.drive_name,
      device.has_partitions, device.read_only, device.bus, quote(device.system_reason),
      quote(users), quote(device.serial));
  std::fflush(stdout);
}

const char* word_of(DeviceEvent event) {
  switch (event) {
    case DeviceEvent::kAdded:
      return "added";
    case DeviceEvent::kChanged:
      return "changed";
    case DeviceEvent::kRemoved:
      return "removed";
  }
  return "?";
}

void obey(const std::string& line, UdevDeviceSource& source) {
  if (line.starts_with("sleep "))
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(line.c_str() + 6)));
  if (!line.starts_with("find ")) return;
  if (const auto device = source.find(line.substr(5))) return print("found", *device);
  fmt::print("found nothing\n");
  std::fflush(stdout);
}

Result<int> run(const Options& options) {
  TRY(auto loop, EventLoop::create());
  TRY(auto feed, NetlinkFeed::open(options.netlink));
  TRY(auto source, UdevDeviceSource::create(loop, std::move(feed), options.places));
  TRY_VOID(source->start(
      [](DeviceEvent event, const Device& device) { print(word_of(event), device); }));
  fmt::print("ready {}\n", options.netlink.voice == UeventFeed::Voice::kUdevd ? "udevd" : "kernel");
  std::fflush(stdout);
  std::string line;
  TRY(auto commands, loop.watch(BorrowedFd(STDIN_FILENO), EPOLLIN, [&](auto) {
    char letter = 0;
    if (::read(STDIN_FILENO, &letter, 1) != 1) return loop.stop(0);
    if (letter != '\n') return line.push_back(letter);
    obey(std::exchange(line, {}), *source);
  }));
  return loop.run();
}

}  // namespace
}  // namespace airlock

int main(int count, char** words) {
  const auto ended = airlock::run(airlock::parse(count, words));
  if (ended) return *ended;
  std::cerr << ended.error().message() << '\n';
  return 1;
}
