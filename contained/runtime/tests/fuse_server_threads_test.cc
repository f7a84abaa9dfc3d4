// SPDX-License-Identifier: GPL-2.0-or-later
// Which thread reads requests, and what a request that waits for the medium does to the others.
#include "contained/runtime/tests/fuse_server_session.h"

namespace airlock {
namespace {

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
    if (seeks_++ > 0) wait();  // the first comes from the thread that read the request
    return offset + 4096 + last_;
  }
  Outcome<Written> write(NodeId, std::uint64_t, std::span<const std::byte> from,
                         const WriteOptions&) override {
    medium_.release();
    return Written{.count = from.size()};
  }
  // The waiting thread; none if that is not known.
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
TEST(FuseServerThreads, OthersAreAnsweredWhileTheMediumIsWaitedFor) {
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
TEST(FuseServerThreads, OnASingleCoreAllOfThemRead) {
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
TEST(FuseServerThreads, EndsWhenToldToWhoeverReads) {
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
TEST(FuseServerThreads, WhatTheMediumHoldsUpReturnsIntoWhatIsStillThere) {
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

TEST(FuseServerThreads, WhatComesBackSoonIsWaitedFor) {
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
TEST(FuseServerThreads, ARequestThatNobodyWaitsForEnds) {
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

TEST(FuseServerThreads, ADriverThatEndsWaitsForNoLongRequest) {
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

TEST(FuseServerThreads, TheSeekerReturnsIntoWhatIsStillThere) {
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
TEST(FuseServerThreads, RequestsAreAnsweredUntilTheSeekerHasReturned) {
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

TEST(FuseServerThreads, NoRequestIsCurrentAfterItsAnswer) {
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

TEST(FuseServerThreads, SleepsWhenNobodyAsks) {
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
