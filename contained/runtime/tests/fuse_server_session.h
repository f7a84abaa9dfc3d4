// SPDX-License-Identifier: GPL-2.0-or-later
// A session of FuseServer with a socket in the place of /dev/fuse, and filesystems without content.
#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <semaphore>
#include <span>
#include <thread>
#include <vector>
#include "contained/runtime/fuse_ops.h"
#include "contained/runtime/fuse_session.h"
#include "contained/runtime/interruption.h"
#include "contained/runtime/reader_token.h"

namespace airlock {

using namespace std::chrono_literals;  // NOLINT: literals only

// Counts how often it hears that it was unmounted.
class Quiet : public FileSystem {
 public:
  explicit Quiet(int& unmounted) : unmounted_(unmounted) {}
  Outcome<Attributes> lookup(NodeId, std::string_view) override { return refuse(ENOENT); }
  Outcome<Attributes> attributes(NodeId) override { return refuse(ENOENT); }
  Outcome<void> list(NodeId, std::uint64_t, DirectoryDetail, EntrySink&) override {
    return refuse(ENOTDIR);
  }
  Outcome<std::size_t> read(NodeId, std::uint64_t, std::span<std::byte>) override {
    return refuse(EIO);
  }
  Outcome<std::string> read_link(NodeId) override { return refuse(EINVAL); }
  Outcome<struct statvfs> statistics() override { return refuse(ENOSYS); }
  Outcome<void> unmounted() override {
    ++unmounted_;
    return {};
  }

 private:
  int& unmounted_;
};

// Requests for data, changes and free space wait for the medium.
class Slow final : public Quiet {
 public:
  Slow(int& unmounted, std::counting_semaphore<>& medium) : Quiet(unmounted), medium_(medium) {}
  Outcome<std::size_t> read(NodeId, std::uint64_t, std::span<std::byte>) override {
    medium_.acquire();
    return 0;
  }
  Outcome<struct statvfs> statistics() override {
    wait();
    return refuse(ENOSYS);
  }
  Outcome<Attributes> change(NodeId, const AttributeChange&) override {
    wait();
    return refuse(EIO);
  }
  Outcome<void> unlink(NodeId, std::string_view) override {
    wait();
    return refuse(EIO);
  }

 private:
  void wait() {
    ReaderToken::give();
    medium_.acquire();
  }
  std::counting_semaphore<>& medium_;
};

inline void send(int socket, std::uint32_t opcode, std::uint64_t number, const void* body,
                 std::size_t size) {
  std::array<char, 256> packet{};
  fuse_in_header header = {};
  header.len = static_cast<std::uint32_t>(sizeof header + size);
  header.opcode = opcode;
  header.unique = number;
  std::memcpy(packet.data(), &header, sizeof header);
  if (size > 0) std::memcpy(packet.data() + sizeof header, body, size);
  ASSERT_EQ(::send(socket, packet.data(), header.len, 0), static_cast<ssize_t>(header.len));
}

// Returns which request it answers; 0 if none comes.
inline std::uint64_t expect_answer(int socket) {
  std::array<char, 4096> answer{};
  fuse_out_header header = {};
  const auto size = ::recv(socket, answer.data(), answer.size(), 0);
  EXPECT_GE(size, static_cast<ssize_t>(sizeof header));
  std::memcpy(&header, answer.data(), sizeof header);
  return header.unique;
}

// The minor protocol of kernels that cannot be told to forget names, and of the first that can.
inline constexpr std::uint32_t kRemembering = 43, kForgetting = 44;

// A session as far as its INIT.
class Session {
 public:
  Session(std::unique_ptr<FileSystem> files, const FuseServer::Options& options,
          std::uint32_t minor)
      : files_(std::move(files)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    kernel = UniqueFd(ends[0]);
    const timeval patience = {.tv_sec = 10, .tv_usec = 0};
    EXPECT_EQ(::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    auto created = FuseServer::create(UniqueFd(ends[1]), options);
    EXPECT_TRUE(created.has_value());
    server = std::move(*created);
    EXPECT_TRUE(server->prepare().has_value());
    serving = std::jthread([this] {
      (void)server->serve(*files_);
      over = true;
    });
    const fuse_init_in init = {.major = FUSE_KERNEL_VERSION,
                               .minor = minor,
                               .max_readahead = 4096,
                               .flags = 0,
                               .flags2 = 0,
                               .unused = {}};
    send(kernel.get(), FUSE_INIT, 2, &init, sizeof init);
    (void)expect_answer(kernel.get());
  }

  void finish() {
    serving.join();
    files_.reset();
    server.reset();
  }

  // As SIGTERM does for a driver.
  void stop() {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGUSR2, &action, nullptr), 0);
    server->stop();
    for (int i = 0; i < 1000 && !over; ++i) {
      (void)::pthread_kill(serving.native_handle(), SIGUSR2);
      std::this_thread::sleep_for(10ms);
    }
    EXPECT_TRUE(over);
  }
  // What a driver does at its end; the medium answers whatever still waits for it.
  void end_as_a_driver(std::counting_semaphore<>& medium) {
    serving.join();
    if (server->is_at_rest()) {
      files_.reset();
      server.reset();
    }
    medium.release();
    std::this_thread::sleep_for(100ms);
    server.reset();
    files_.reset();
  }

  void ask_attributes(std::uint64_t number) const {
    const fuse_getattr_in getattr = {};
    send(kernel.get(), FUSE_GETATTR, number, &getattr, sizeof getattr);
  }
  void ask_data(std::uint64_t number, std::uint64_t offset = 0) const {
    const fuse_read_in read = {.offset = offset, .size = 4096};
    send(kernel.get(), FUSE_READ, number, &read, sizeof read);
  }

  UniqueFd kernel;
  std::unique_ptr<FuseServer> server;
  std::atomic<bool> over = false;
  std::jthread serving;

 private:
  std::unique_ptr<FileSystem> files_;
};

// How many threads this process has.
inline std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

}  // namespace airlock
