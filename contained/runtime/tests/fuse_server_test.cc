// SPDX-License-Identifier: GPL-2.0-or-later
// The end of a session, with a socket in the place of /dev/fuse.
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "contained/runtime/fuse_ops.h"

namespace airlock {
namespace {

// Counts how often it hears that it was unmounted.
class Quiet final : public FileSystem {
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
  void unmounted() override { ++unmounted_; }

 private:
  int& unmounted_;
};

void send(int socket, std::uint32_t opcode, std::uint64_t number, const void* body,
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

void expect_answer(int socket) {
  std::array<char, 4096> answer{};
  EXPECT_GT(::recv(socket, answer.data(), answer.size(), 0), 0);
}

// What kernels speak that cannot be told to forget names, and the first that can.
constexpr std::uint32_t kRemembering = 43, kForgetting = 44;

// A session as far as its INIT, and then what `end` does to it.
template <typename End>
int unmounted_calls(End end, const FuseServer::Options& options = {},
                    std::uint32_t minor = kRemembering) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  UniqueFd kernel(ends[0]);
  int calls = 0;
  auto server = FuseServer::create(UniqueFd(ends[1]), options);
  EXPECT_TRUE(server.has_value());
  EXPECT_TRUE((*server)->prepare().has_value());
  auto files = std::make_unique<Quiet>(calls);
  std::jthread serving([&] { (void)(*server)->serve(*files); });
  const fuse_init_in init = {.major = FUSE_KERNEL_VERSION,
                             .minor = minor,
                             .max_readahead = 4096,
                             .flags = 0,
                             .flags2 = 0,
                             .unused = {}};
  send(kernel.get(), FUSE_INIT, 2, &init, sizeof init);
  expect_answer(kernel.get());
  end(kernel);
  serving.join();
  files.reset();
  server->reset();
  return calls;
}

TEST(FuseServer, AFileSystemThatIsGoneHearsNothing) {
  // A plain fuse mount ends without a word.
  EXPECT_EQ(unmounted_calls([](UniqueFd& kernel) { kernel.reset(); }), 0);
}

TEST(FuseServer, ABlockDevicesEndIsHeardOnce) {
  EXPECT_EQ(unmounted_calls([](UniqueFd& kernel) {
              send(kernel.get(), FUSE_DESTROY, 4, nullptr, 0);
              expect_answer(kernel.get());
              kernel.reset();
            }),
            1);
}

TEST(FuseServer, AKernelThatCanForgetNamesIsAskedToOnce) {
  constexpr std::int32_t kForgetNames = 8;
  const fuse_getattr_in getattr = {};
  for (const std::uint32_t minor : {kRemembering, kForgetting}) {
    const auto hears = [&](UniqueFd& kernel) {
      if (minor == kForgetting) {
        fuse_out_header told = {};
        EXPECT_EQ(::recv(kernel.get(), &told, sizeof told, 0), static_cast<ssize_t>(sizeof told));
        EXPECT_EQ(told.error, kForgetNames);
        EXPECT_EQ(told.unique, 0u);
      }
      send(kernel.get(), FUSE_GETATTR, 4, &getattr, sizeof getattr);
      fuse_out_header answer = {};
      EXPECT_GT(::recv(kernel.get(), &answer, sizeof answer, 0), 0);
      EXPECT_EQ(answer.unique, 4u);
      kernel.reset();
    };
    (void)unmounted_calls(hears, {}, minor);
  }
}

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(FuseServer, OnlyTheFirstRequestForDataCallsTheOtherThreads) {
  const fuse_read_in read = {.size = 4096};
  const fuse_getattr_in getattr = {};
  (void)unmounted_calls(
      [&](UniqueFd& kernel) {
        const auto alone = threads();
        send(kernel.get(), FUSE_GETATTR, 4, &getattr, sizeof getattr);
        expect_answer(kernel.get());
        EXPECT_EQ(threads(), alone);
        for (const std::uint64_t number : {6, 8}) {
          send(kernel.get(), FUSE_READ, number, &read, sizeof read);
          expect_answer(kernel.get());
          EXPECT_EQ(threads(), alone + 2);
        }
        kernel.reset();
      },
      {.threads = 3});
}

std::size_t resident_bytes() {
  std::ifstream statistics("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statistics >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(FuseServer, RoomForWritesIsMadeWhenTheFirstFileIsOpened) {
  constexpr std::size_t kRoom = std::size_t{900} << 10;
  const fuse_getattr_in getattr = {};
  const fuse_open_in open = {};
  (void)unmounted_calls([&](UniqueFd& kernel) {
    send(kernel.get(), FUSE_GETATTR, 4, &getattr, sizeof getattr);
    expect_answer(kernel.get());
    const std::size_t before = resident_bytes();
    send(kernel.get(), FUSE_OPEN, 6, &open, sizeof open);
    expect_answer(kernel.get());
    EXPECT_GE(resident_bytes(), before + kRoom);
    kernel.reset();
  });
}

}  // namespace
}  // namespace airlock
