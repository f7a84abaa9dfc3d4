// SPDX-License-Identifier: GPL-2.0-or-later
// What a driver leaves to its successor, and the successor that goes on from it.
#include <fcntl.h>
#include <sys/mman.h>

#include <optional>

#include "contained/runtime/tests/fuse_server_session.h"
#include "lib/protocol/live_state.h"

namespace airlock {
namespace {

constexpr std::uint32_t kHasResend = 1U << 7;
constexpr std::int32_t kResend = 7;

UniqueFd memory(std::size_t size, int seals) {
  UniqueFd made(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(made.get(), static_cast<off_t>(size)), 0);
  EXPECT_EQ(::fcntl(made.get(), F_ADD_SEALS, seals), 0);
  return made;
}

UniqueFd good_memory() {
  return memory(kLiveStateSize, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(LiveState, OnlyMemoryThatCannotShrinkIsMapped) {
  EXPECT_FALSE(LiveState::map(memory(kLiveStateSize, 0)).has_value());
  EXPECT_FALSE(LiveState::map(memory(kLiveStateSize / 2, F_SEAL_SHRINK)).has_value());
  EXPECT_FALSE(LiveState::map(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC))).has_value());
  EXPECT_TRUE(LiveState::map(good_memory()).has_value());
}

TEST(LiveState, KeepsTheOpeningForWhoMapsTheSameMemory) {
  const UniqueFd shared = good_memory();
  const auto one = LiveState::map(shared);
  const auto other = LiveState::map(shared);
  EXPECT_FALSE(other->opening().has_value()) << "nothing was kept";
  one->keep_opening(bytes_of("question"), bytes_of("answer"));
  const auto opening = other->opening();
  ASSERT_TRUE(opening.has_value());
  EXPECT_TRUE(std::ranges::equal(opening->request, bytes_of("question")));
  EXPECT_TRUE(std::ranges::equal(opening->answer, bytes_of("answer")));
}

TEST(LiveState, WhatDoesNotFitIsNotKept) {
  const auto state = LiveState::map(good_memory());
  const std::vector<std::byte> large(kLiveStateSize);
  state->keep_opening(large, bytes_of("answer"));
  state->keep_opening(bytes_of("question"), large);
  EXPECT_FALSE(state->opening().has_value());
}

TEST(LiveState, NoLengthLeadsOutOfTheMemory) {
  const UniqueFd shared = good_memory();
  const auto state = LiveState::map(shared);
  state->keep_opening(bytes_of("question"), bytes_of("answer"));
  for (const std::uint32_t length : {std::uint32_t{kLiveStateSize}, UINT32_MAX}) {
    for (const off_t place : {8, 12}) {
      std::uint32_t before = 0;
      ASSERT_EQ(::pread(shared.get(), &before, sizeof before, place), 4);
      ASSERT_EQ(::pwrite(shared.get(), &length, sizeof length, place), 4);
      EXPECT_FALSE(state->opening().has_value());
      ASSERT_EQ(::pwrite(shared.get(), &before, sizeof before, place), 4);
    }
  }
  EXPECT_TRUE(state->opening().has_value());
}

// A kernel, in the form of a socket, and one driver after another on it.
class Succession : public testing::Test {
 protected:
  Succession() : state_(LiveState::map(memory_).value()) {}

  // Serves the first request, which is INIT, and dies.
  void let_one_driver_open(std::uint32_t flags2) {
    Connection connection;
    auto server = start(connection);
    const fuse_init_in init = {.major = FUSE_KERNEL_VERSION,
                               .minor = kRemembering,
                               .max_readahead = 4096,
                               .flags = FUSE_INIT_EXT,
                               .flags2 = flags2,
                               .unused = {}};
    send(connection.kernel.get(), FUSE_INIT, 2, &init, sizeof init);
    std::jthread serving([&] { (void)server->serve(files_); });
    EXPECT_EQ(expect_answer(connection.kernel.get()), 2U);
    connection.kernel.reset();
  }

  struct Connection {
    Connection() {
      std::array<int, 2> ends{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
      kernel = UniqueFd(ends[0]);
      driver = UniqueFd(ends[1]);
    }
    UniqueFd kernel, driver;
  };
  std::unique_ptr<FuseServer> start(Connection& connection) {
    auto server = FuseServer::create(std::move(connection.driver), {.live = &state_});
    EXPECT_TRUE(server.has_value() && (*server)->prepare());
    return std::move(*server);
  }
  // What a successor that could not go on said to the kernel.
  static bool is_silent(const UniqueFd& kernel) {
    std::array<char, 64> heard{};
    return ::recv(kernel.get(), heard.data(), heard.size(), MSG_DONTWAIT) < 0;
  }

  int unmounted_ = 0;
  Quiet files_{unmounted_};
  UniqueFd memory_ = good_memory();
  LiveState state_;
};

TEST_F(Succession, AnotherDriverHasTheRequestsRepeatedAndAnswersThem) {
  let_one_driver_open(kHasResend);
  Connection connection;
  auto server = start(connection);
  ASSERT_TRUE(server->resume(files_).has_value());
  fuse_out_header told = {};
  ASSERT_EQ(::recv(connection.kernel.get(), &told, sizeof told, MSG_DONTWAIT),
            static_cast<ssize_t>(sizeof told))
      << "INIT is not answered a second time";
  EXPECT_EQ(told.error, kResend);
  EXPECT_EQ(told.unique, 0U);
  std::jthread serving([&] { (void)server->serve(files_); });
  const fuse_getattr_in getattr = {};
  constexpr std::uint64_t kRepeated = std::uint64_t{1} << 63;
  send(connection.kernel.get(), FUSE_GETATTR, kRepeated | 4, &getattr, sizeof getattr);
  EXPECT_EQ(expect_answer(connection.kernel.get()), kRepeated | 4);
  connection.kernel.reset();
}

TEST_F(Succession, AKernelThatRepeatsNothingGetsNoOtherDriver) {
  let_one_driver_open(0);
  Connection connection;
  auto server = start(connection);
  const auto resumed = server->resume(files_);
  ASSERT_FALSE(resumed.has_value());
  EXPECT_EQ(resumed.error().code, Errc::kUnsupported);
  EXPECT_TRUE(is_silent(connection.kernel));
}

TEST_F(Succession, ADriverThatWouldHaveAnsweredOtherwiseDoesNotGoOn) {
  let_one_driver_open(kHasResend);
  auto opening = state_.opening().value();
  opening.answer.back() ^= std::byte{1};
  state_.keep_opening(opening.request, opening.answer);
  Connection connection;
  auto server = start(connection);
  EXPECT_FALSE(server->resume(files_).has_value());
  EXPECT_TRUE(is_silent(connection.kernel));
}

TEST_F(Succession, ARequestThatIsNoOpeningIsNotRepeated) {
  let_one_driver_open(kHasResend);
  auto opening = state_.opening().value();
  for (std::size_t changed : {std::size_t{0}, offsetof(fuse_in_header, opcode)}) {
    auto request = opening.request;
    request.at(changed) ^= std::byte{1};
    state_.keep_opening(request, opening.answer);
    Connection connection;
    auto server = start(connection);
    EXPECT_FALSE(server->resume(files_).has_value());
    EXPECT_TRUE(is_silent(connection.kernel));
  }
}

}  // namespace
}  // namespace airlock
