// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sandbox/hostile_runner.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace airlock::test {

std::optional<std::string> next_packet(BorrowedFd channel) {
  pollfd waiting{.fd = channel.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, static_cast<int>(kPatience.count())) != 1) return std::nullopt;
  std::array<char, 256> packet;
  const ssize_t length = ::recv(channel.get(), packet.data(), packet.size(), 0);
  if (length <= 0) return std::nullopt;
  return std::string(packet.data(), static_cast<std::size_t>(length));
}

SandboxSpec hostile_spec(std::string_view how, std::string_view what,
                         std::vector<std::string> targets) {
  SandboxSpec spec{.program = HOSTILE_DRIVER,
                   .arguments = {"airlock-hostile", std::string(how), std::string(what)}};
  spec.arguments.insert(spec.arguments.end(), targets.begin(), targets.end());
  spec.limits.memory_bytes = 96ULL << 20;
  return spec;
}

Worker start_hostile(std::string_view how, std::string_view what,
                     std::vector<std::string> targets) {
  SandboxLauncher launcher;
  auto worker = launcher.start(hostile_spec(how, what, std::move(targets)));
  if (!worker) throw std::runtime_error(worker.error().message());
  return *std::move(worker);
}

ExitCause end_of(std::string_view how, std::string_view what) {
  Worker worker = start_hostile(how, what);
  auto cause = worker.wait(kPatience);
  if (!cause) throw std::runtime_error(cause.error().message());
  return *cause;
}

bool can_limit_memory() {
  if (std::filesystem::exists("/run/systemd/system")) return false;
  std::istringstream mounts(text_of("/proc/self/mounts"));
  for (std::string source, place, type, options, rest;
       mounts >> source >> place >> type >> options && std::getline(mounts, rest);) {
    if (type == "cgroup" && ("," + options + ",").find(",memory,") != std::string::npos)
      return true;
    if (type == "cgroup2" &&
        text_of(place + "/cgroup.controllers").find("memory") != std::string::npos)
      return true;
  }
  return false;
}

bool is_possible_here() {
  if (can_limit_memory()) return true;
  fmt::print("IMPOSSIBLE on this machine: {}: no memory controller is ours to use\n",
             testing::UnitTest::GetInstance()->current_test_info()->name());
  return false;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(
      std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{}));
}

}  // namespace airlock::test
