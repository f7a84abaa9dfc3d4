// SPDX-License-Identifier: GPL-2.0-or-later
// The end of a session and who reads its requests, with a socket in the place of /dev/fuse.
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
namespace {

using namespace std::chrono_literals;

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

// Whoever reads data, changes something or asks for free space waits for the medium.
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

// Reading from an offset, and the seeker's look for data or holes, take until the medium answers.
// Writing is what the medium waits for.
class HeldUp final : public Quiet {
 public:
  HeldUp(int& unmounted, std::counting_semaphore<>& medium) : Quiet(unmounted), medium_(medium) {}
  Outcome<std::size_t> read(NodeId, std::uint64_t offset, std::span<std::byte>) override {
    if (offset > 0) wait();
    return 0;
  }
  Outcome<std::uint64_t> seek(NodeId, std::uint64_t offset, int) override {
    if (seeks_++ > 0) wait();  // the first is whoever read the request
    return offset + 4096 + last_;
  }
  Outcome<Written> write(NodeId, std::uint64_t, std::span<const std::byte> from,
                         const WriteOptions&) override {
    medium_.release();
    return Written{.count = from.size()};
  }
  // Who waits; nobody if that is not known.
  [[nodiscard]] std::thread::id waiting() const { return waiting_; }

 private:
  void wait() {
    waiting_ = std::this_thread::get_id();
    medium_.acquire();
    waiting_ = std::thread::id();
    ++last_;  // it returned into this object
  }
  std::counting_semaphore<>& medium_;
  std::atomic<std::thread::id> waiting_;
  std::atomic<int> seeks_ = 0;
  std::atomic<std::uint64_t> last_ = 0;
};

// Works on names and data until nobody waits for the answer any more.
class Endless final : public Quiet {
 public:
  using Quiet::Quiet;
  Outcome<Attributes> lookup(NodeId, std::string_view) override { return refuse(work()); }
  Outcome<std::uint64_t> seek(NodeId, std::uint64_t offset, int) override {
    return seeks_++ == 0 ? Outcome<std::uint64_t>(offset + 4096) : refuse(work());
  }

 private:
  static int work() {
    while (!Interruption::requested()) {
      ReaderToken::give();
      std::this_thread::sleep_for(1ms);
    }
    return EINTR;
  }
  int seeks_ = 0;
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

// Returns which request it answers; 0 if none comes.
std::uint64_t expect_answer(int socket) {
  std::array<char, 4096> answer{};
  fuse_out_header header = {};
  const auto size = ::recv(socket, answer.data(), answer.size(), 0);
  EXPECT_GE(size, static_cast<ssize_t>(sizeof header));
  std::memcpy(&header, answer.data(), sizeof header);
  return header.unique;
}

// What kernels speak that cannot be told to forget names, and the first that can.
constexpr std::uint32_t kRemembering = 43, kForgetting = 44;

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

// A session as far as its INIT, and then what `end` does to it.
template <typename End>
int unmounted_calls(End end, const FuseServer::Options& options = {},
                    std::uint32_t minor = kRemembering) {
  int calls = 0;
  Session session(std::make_unique<Quiet>(calls), options, minor);
  end(session.kernel);
  session.finish();
  return calls;
}

TEST(FuseServer, AFileSystemThatIsGoneHearsNothing) {
  // A plain fuse mount ends without a word.
  EXPECT_EQ(unmounted_calls([](UniqueFd& kernel) { kernel.reset(); }), 0);
}

TEST(FuseServer, ABlockDevicesEndIsHeardOnce) {
  EXPECT_EQ(unmounted_calls([](UniqueFd& kernel) {
              send(kernel.get(), FUSE_DESTROY, 4, nullptr, 0);
              (void)expect_answer(kernel.get());
              kernel.reset();
            }),
            1);
}

// Writes fail, and so may its last commit.
class Failing final : public Quiet {
 public:
  Failing(int& unmounted, int last_commit) : Quiet(unmounted), last_commit_(last_commit) {}
  Outcome<Written> write(NodeId, std::uint64_t, std::span<const std::byte>,
                         const WriteOptions&) override {
    return refuse(EIO);
  }
  Outcome<void> unmounted() override {
    (void)Quiet::unmounted();
    if (last_commit_ != 0) return refuse(last_commit_);
    return {};
  }

 private:
  int last_commit_;
};

void send_write(int kernel, std::uint32_t flags) {
  struct {
    fuse_write_in write = {};
    std::array<char, 8> bytes = {};
  } body;
  body.write.size = sizeof body.bytes;
  body.write.write_flags = flags;
  send(kernel, FUSE_WRITE, 4, &body, sizeof body);
  EXPECT_EQ(expect_answer(kernel), 4U);
}

// What a driver says at its end.
template <typename End>
Result<void> word_after(End end, int last_commit, const FuseServer::Options& options) {
  int calls = 0;
  Session session(std::make_unique<Failing>(calls, last_commit), options, kRemembering);
  end(session.kernel.get());
  session.kernel.reset();
  session.serving.join();
  auto word = session.server->finish();
  EXPECT_EQ(calls, 1);
  return word;
}

TEST(FuseServer, ItsWordIsThatOfTheLastCommit) {
  const auto destroy = [](int kernel) {
    send(kernel, FUSE_DESTROY, 4, nullptr, 0);
    (void)expect_answer(kernel);
  };
  const auto nothing = [](int) {};
  EXPECT_TRUE(word_after(destroy, 0, {.block = true}));
  EXPECT_FALSE(word_after(destroy, EIO, {.block = true}));
  EXPECT_TRUE(word_after(nothing, 0, {}));
  EXPECT_FALSE(word_after(nothing, EIO, {}));
}

TEST(FuseServer, DataOfTheKernelsOwnWritingThatFailedSpoilsItsWord) {
  const auto by_a_program = [](int kernel) { send_write(kernel, 0); };
  const auto by_the_kernel = [](int kernel) { send_write(kernel, FUSE_WRITE_CACHE); };
  EXPECT_TRUE(word_after(by_a_program, 0, {})) << "the program was told";
  const auto word = word_after(by_the_kernel, 0, {});
  ASSERT_FALSE(word);
  EXPECT_EQ(word.error().cause.value(), EIO);
}

TEST(FuseServer, AConnectionThatIsBrokenOffSpoilsItsWord) {
  const auto nothing = [](int) {};
  EXPECT_FALSE(word_after(nothing, 0, {.block = true})) << "the kernel says goodbye first";
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
        (void)expect_answer(kernel.get());
        EXPECT_EQ(threads(), alone);
        for (const std::uint64_t number : {6, 8}) {
          send(kernel.get(), FUSE_READ, number, &read, sizeof read);
          (void)expect_answer(kernel.get());
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
    (void)expect_answer(kernel.get());
    const std::size_t before = resident_bytes();
    send(kernel.get(), FUSE_OPEN, 6, &open, sizeof open);
    (void)expect_answer(kernel.get());
    EXPECT_GE(resident_bytes(), before + kRoom);
    kernel.reset();
  });
}

// Who waits before any file was opened has the others started, and any of them may hear of the
// opening then.
TEST(FuseServer, RoomForWritesIsMadeBeforeThereAreSeveralThreads) {
  constexpr std::size_t kRoom = std::size_t{900} << 10;
  int calls = 0;
  std::counting_semaphore<> medium(1);
  Session session(std::make_unique<Slow>(calls, medium), {.threads = 2}, kRemembering);
  session.ask_attributes(4);
  EXPECT_EQ(expect_answer(session.kernel.get()), 4u);
  const std::size_t before = resident_bytes();
  send(session.kernel.get(), FUSE_STATFS, 6, nullptr, 0);
  EXPECT_EQ(expect_answer(session.kernel.get()), 6u);
  EXPECT_GE(resident_bytes(), before + 2 * kRoom);
  session.kernel.reset();
  session.finish();
}

// As kernels before 5.14 do.
void make_populating_fail() {
  constexpr std::uint32_t kAdvice = offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t);
  std::array<sock_filter, 6> steps = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kAdvice),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_POPULATE_WRITE, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {.len = steps.size(), .filter = steps.data()};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

class Keeping final : public Quiet {
 public:
  Keeping(int& unmounted, std::string& kept) : Quiet(unmounted), kept_(kept) {}
  Outcome<Written> write(NodeId, std::uint64_t, std::span<const std::byte> from,
                         const WriteOptions&) override {
    kept_.assign(reinterpret_cast<const char*>(from.data()), from.size());
    return Written{.count = from.size()};
  }

 private:
  std::string& kept_;
};

void write_on_an_old_kernel() {
  make_populating_fail();
  const std::string content(150'000, 'x');
  std::string kept;
  int calls = 0;
  Session session(std::make_unique<Keeping>(calls, kept), {.threads = 2}, kRemembering);
  const int room = 1 << 20;
  (void)::setsockopt(session.kernel.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  const fuse_open_in open = {};
  send(session.kernel.get(), FUSE_OPEN, 4, &open, sizeof open);
  (void)expect_answer(session.kernel.get());
  fuse_in_header header = {.opcode = FUSE_WRITE, .unique = 6};
  fuse_write_in write = {.size = static_cast<std::uint32_t>(content.size())};
  header.len = static_cast<std::uint32_t>(sizeof header + sizeof write + content.size());
  std::array<iovec, 3> parts = {{{&header, sizeof header},
                                 {&write, sizeof write},
                                 {const_cast<char*>(content.data()), content.size()}}};
  EXPECT_EQ(::writev(session.kernel.get(), parts.data(), parts.size()), header.len);
  EXPECT_EQ(expect_answer(session.kernel.get()), 6u);
  session.kernel.reset();
  session.finish();
  std::exit(kept == content ? 0 : 1);
}

TEST(FuseServer, TheFirstWriteArrivesAsItWasAlsoOnAnOldKernel) {
  EXPECT_EXIT(write_on_an_old_kernel(), testing::ExitedWithCode(0), "");
}

struct Waiting {
  std::uint32_t opcode;
  std::vector<std::byte> body;
};

template <typename Body>
std::vector<std::byte> bytes_of(const Body& body) {
  const auto bytes = std::as_bytes(std::span(&body, 1));
  return {bytes.begin(), bytes.end()};
}

// Also by the first request of all: there is one thread until then.
TEST(FuseServer, OthersAreAnsweredWhileTheMediumIsWaitedFor) {
  for (const Waiting& one : {
           Waiting{FUSE_READ, bytes_of(fuse_read_in{.size = 4096})},
           Waiting{FUSE_STATFS, {}},
           Waiting{FUSE_SETATTR, bytes_of(fuse_setattr_in{.valid = FATTR_SIZE, .size = 1})},
           Waiting{FUSE_UNLINK, bytes_of(std::array{'x', '\0'})},
       }) {
    int calls = 0;
    std::counting_semaphore<> medium(0);
    Session session(std::make_unique<Slow>(calls, medium), {.threads = 2}, kRemembering);
    for (std::uint64_t number : {4, 8}) {
      send(session.kernel.get(), one.opcode, number, one.body.data(), one.body.size());
      session.ask_attributes(number + 2);
      EXPECT_EQ(expect_answer(session.kernel.get()), number + 2) << one.opcode;
      medium.release();
      EXPECT_EQ(expect_answer(session.kernel.get()), number) << one.opcode;
    }
    session.kernel.reset();
    session.finish();
  }
}

// Other threads of this process that wait in read().
int reading() {
  int found = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream call(thread.path() / "syscall");
    int number = -1;
    const bool is_ours = thread.path().filename() == std::to_string(::gettid());
    if (!is_ours && call >> number && number == SYS_read) ++found;
  }
  return found;
}

// Nobody is awake there when a request comes, so handing the reader token on would be one step
// more.
TEST(FuseServer, OnASingleCoreAllOfThemRead) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
  for (const bool pinned : {true, false}) {
    if (!pinned && CPU_COUNT(&before) < 2) break;
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, pinned ? &one : &before), 0);
    int calls = 0;
    std::counting_semaphore<> medium(1);
    Session session(std::make_unique<Slow>(calls, medium), {.threads = 3}, kRemembering);
    session.ask_data(4);
    EXPECT_EQ(expect_answer(session.kernel.get()), 4u);
    const int expected = pinned ? 3 : 1;
    for (int i = 0; i < 6000 && reading() != expected; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(reading(), expected);
    session.kernel.reset();
    session.finish();
  }
}

// The first thread hears of SIGTERM, also while it waits for another one to give it the reader
// token.
TEST(FuseServer, EndsWhenToldToWhoeverReads) {
  int calls = 0;
  std::counting_semaphore<> medium(0);
  const auto alone = threads();
  Session session(std::make_unique<Slow>(calls, medium), {.threads = 2}, kRemembering);
  session.ask_data(4);
  session.ask_attributes(6);
  EXPECT_EQ(expect_answer(session.kernel.get()), 6u);  // so the other thread reads now
  medium.release();
  EXPECT_EQ(expect_answer(session.kernel.get()), 4u);

  session.stop();
  session.serving.join();
  EXPECT_EQ(threads(), alone);  // also who waited for a request that never came
  EXPECT_TRUE(session.server->is_at_rest());
}

// Reads with a thread that is not the first, which alone hears of SIGTERM, and waits for the
// medium.
void have_a_helper_wait(const Session& session, const HeldUp& files,
                        std::counting_semaphore<>& medium) {
  for (std::uint64_t number = 4; number < 4000; number += 4) {
    session.ask_data(number);
    EXPECT_EQ(expect_answer(session.kernel.get()), number);
    session.ask_data(number + 2, 1);
    while (files.waiting() == std::thread::id()) std::this_thread::sleep_for(1ms);
    if (files.waiting() != session.serving.get_id()) return;
    medium.release();
    EXPECT_EQ(expect_answer(session.kernel.get()), number + 2);
  }
  ADD_FAILURE() << "no helper ever read";
}

// The medium takes its time, and a driver that has been told to end does not wait for ever. What
// comes back late finds everything as it was.
TEST(FuseServer, WhatTheMediumHoldsUpReturnsIntoWhatIsStillThere) {
  int calls = 0;
  std::counting_semaphore<> medium(0);
  auto owned = std::make_unique<HeldUp>(calls, medium);
  const HeldUp& files = *owned;
  Session session(std::move(owned), {.threads = 2}, kRemembering);
  have_a_helper_wait(session, files, medium);
  session.stop();
  EXPECT_FALSE(session.server->is_at_rest());
  session.end_as_a_driver(medium);
}

TEST(FuseServer, WhatComesBackSoonIsWaitedFor) {
  int calls = 0;
  std::counting_semaphore<> medium(0);
  auto owned = std::make_unique<HeldUp>(calls, medium);
  const HeldUp& files = *owned;
  Session session(std::move(owned), {.threads = 2}, kRemembering);
  have_a_helper_wait(session, files, medium);
  const std::jthread later([&medium] {
    std::this_thread::sleep_for(300ms);
    medium.release();
  });
  session.stop();
  EXPECT_TRUE(session.server->is_at_rest());
  session.finish();
}

// The kernel says that a program was killed, and waits for the answer all the same.
TEST(FuseServer, ARequestThatNobodyWaitsForEnds) {
  int calls = 0;
  Session session(std::make_unique<Endless>(calls), {.threads = 2}, kRemembering);
  const fuse_lseek_in lseek = {.offset = 0, .whence = SEEK_HOLE};
  send(session.kernel.get(), FUSE_LOOKUP, 4, "x", 2);
  send(session.kernel.get(), FUSE_LSEEK, 6, &lseek, sizeof lseek);
  session.ask_attributes(8);
  EXPECT_EQ(expect_answer(session.kernel.get()), 8u);
  for (const std::uint64_t number : {6, 4}) {
    const fuse_interrupt_in interrupt = {.unique = number};
    send(session.kernel.get(), FUSE_INTERRUPT, number | 1, &interrupt, sizeof interrupt);
    EXPECT_EQ(expect_answer(session.kernel.get()), number);
  }
  session.kernel.reset();
  session.finish();
}

TEST(FuseServer, ADriverThatEndsWaitsForNoLongRequest) {
  int calls = 0;
  Session session(std::make_unique<Endless>(calls), {.threads = 2}, kRemembering);
  send(session.kernel.get(), FUSE_LOOKUP, 4, "x", 2);
  session.ask_attributes(6);
  EXPECT_EQ(expect_answer(session.kernel.get()), 6u);
  session.stop();
  EXPECT_TRUE(session.server->is_at_rest());
  session.finish();
}

// Has the seeker wait for the medium.
void look_for_a_hole(const Session& session, const HeldUp& files) {
  const fuse_lseek_in lseek = {.offset = 0, .whence = SEEK_HOLE};
  send(session.kernel.get(), FUSE_LSEEK, 4, &lseek, sizeof lseek);
  while (files.waiting() == std::thread::id()) std::this_thread::sleep_for(1ms);
}

TEST(FuseServer, TheSeekerReturnsIntoWhatIsStillThere) {
  int calls = 0;
  std::counting_semaphore<> medium(0);
  auto owned = std::make_unique<HeldUp>(calls, medium);
  const HeldUp& files = *owned;
  Session session(std::move(owned), {.threads = 2}, kRemembering);
  look_for_a_hole(session, files);
  session.stop();
  EXPECT_FALSE(session.server->is_at_rest());
  session.end_as_a_driver(medium);
}

// The seeker waits for the kernel, and the kernel for an answer to what it writes.
TEST(FuseServer, RequestsAreAnsweredUntilTheSeekerHasReturned) {
  int calls = 0;
  std::counting_semaphore<> medium(0);
  auto owned = std::make_unique<HeldUp>(calls, medium);
  const HeldUp& files = *owned;
  Session session(std::move(owned), {.threads = 2}, kRemembering);
  look_for_a_hole(session, files);
  session.server->stop();
  const std::jthread later([&session] {
    std::this_thread::sleep_for(300ms);
    const std::array<std::byte, sizeof(fuse_write_in) + 8> write = {};
    send(session.kernel.get(), FUSE_WRITE, 6, write.data(), write.size());
  });
  session.stop();
  EXPECT_TRUE(session.server->is_at_rest());
  session.finish();
}

class Syncing final : public Quiet {
 public:
  using Quiet::Quiet;
  Outcome<void> sync_all() override { return {}; }
};

TEST(FuseServer, NoRequestIsCurrentAfterItsAnswer) {
  for (const std::uint32_t last : {FUSE_GETATTR, FUSE_SYNCFS}) {
    int calls = 0;
    Syncing files(calls);
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    UniqueFd kernel(ends[0]);
    auto server = FuseServer::create(UniqueFd(ends[1]), {});
    ASSERT_TRUE(server.has_value());
    ASSERT_TRUE((*server)->prepare().has_value());
    const fuse_getattr_in getattr = {};  // longer than what SYNCFS has
    send(kernel.get(), last, 2, &getattr, sizeof getattr);
    ASSERT_EQ(::shutdown(kernel.get(), SHUT_WR), 0);
    EXPECT_TRUE((*server)->serve(files).has_value());
    EXPECT_EQ(current_request.header, nullptr) << last;
  }
}

std::chrono::nanoseconds processor_time() {
  timespec used = {};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST(FuseServer, SleepsWhenNobodyAsks) {
  int calls = 0;
  std::counting_semaphore<> medium(1000);
  Session session(std::make_unique<Slow>(calls, medium), {.threads = 3}, kRemembering);
  for (std::uint64_t number = 4; number < 1000; number += 4) {
    session.ask_attributes(number);
    EXPECT_EQ(expect_answer(session.kernel.get()), number);
    session.ask_data(number + 2);
    EXPECT_EQ(expect_answer(session.kernel.get()), number + 2);
  }
  std::this_thread::sleep_for(10ms);
  const auto before = processor_time();
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(processor_time() - before, 25ms);  // one that does not sleep uses all of it
  session.kernel.reset();
  session.finish();
}

}  // namespace
}  // namespace airlock
