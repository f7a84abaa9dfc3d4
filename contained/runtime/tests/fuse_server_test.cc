// SPDX-License-Identifier: GPL-2.0-or-later
// How a session begins, keeps its memory and ends, and what it says of its end.
#include "contained/runtime/tests/fuse_server_session.h"

namespace airlock {
namespace {

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

}  // namespace
}  // namespace airlock
