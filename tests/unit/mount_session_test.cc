// SPDX-License-Identifier: GPL-2.0-or-later
// The promises of a mount session beyond single answers: deadlines, back-pressure, undoing, and a
// readable verdict. Both ends together are tested here too.
#include "daemon/mount/mount_session.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/unit/protocol_helper_harness.h"

namespace airlock::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::uint32_t wire(int error) {
  return static_cast<std::uint32_t>(error);
}

void let_deadline_pass(HelperHarness& harness) {
  (void)wait_for(kNoDescriptor, 0, harness.session.next_deadline());
  harness.session.on_deadline();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

TEST(MountSession, SilenceBetweenCommandsEndsAtItsDeadlineAndUndoesTheMount) {
  HelperHarness harness([](SessionPlan& plan) { plan.deadlines.command = 500ms; });
  harness.shake_hands();
  harness.mount();
  harness.session.on_deadline();
  EXPECT_FALSE(harness.session.finished()) << "too early";
  let_deadline_pass(harness);
  harness.expect_failed(Errc::kTimedOut);
  EXPECT_EQ(harness.effects.detaches, 1);
  EXPECT_TRUE(contains(harness.session.verdict().error().message(), "its next message"));
}

TEST(MountSession, EachCommandGetsItsOwnTime) {
  HelperHarness harness;
  harness.shake_hands();
  const Deadline first = harness.session.next_deadline();
  std::this_thread::sleep_for(2ms);
  EXPECT_EQ(harness.ask_file({.path = "/other"}), wire(EPERM));
  EXPECT_GT(harness.session.next_deadline(), first);
}

TEST(MountSession, ADriverThatNeverStopsTalkingEndsWithTheWholeSession) {
  HelperHarness harness([](SessionPlan& plan) { plan.deadlines.whole = 100ms; });
  const Deadline begin = deadline_in(0ms);
  harness.shake_hands();
  while (!harness.session.finished()) {
    EXPECT_EQ(harness.ask_file({.path = "/other"}), wire(EPERM));
    std::this_thread::sleep_for(5ms);
    harness.session.on_deadline();
  }
  EXPECT_GE(deadline_in(0ms) - begin, 100ms);
  harness.expect_failed(Errc::kTimedOut);
  EXPECT_TRUE(contains(harness.session.verdict().error().message(), "the whole session"));
}

TEST(MountSession, ADriverThatDoesNotReadIsNotReadAndTimesOut) {
  HelperHarness harness([](SessionPlan& plan) { plan.deadlines.command = 50ms; });
  harness.shake_hands();
  int accepted = 0;
  while (accepted < 100'000 && harness.session.wanted_events() == POLLIN) {
    ASSERT_EQ(harness.say(encode(OpenPacket{.path = std::string(3000, 'p')})), 0);
    ++accepted;
  }
  EXPECT_EQ(harness.session.wanted_events(), POLLOUT);
  EXPECT_FALSE(harness.session.finished());
  let_deadline_pass(harness);
  harness.expect_failed(Errc::kTimedOut);
}

TEST(MountSession, OneWakeUpHandlesABoundedNumberOfPackets) {
  HelperHarness harness;
  harness.shake_hands();
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(harness.peer.send(encode(OpenPacket{.path = "/other"})), 0);
  harness.session.on_ready();
  int answers = 0;
  while (!harness.silence()) ++answers;
  EXPECT_GT(answers, 0);
  EXPECT_LT(answers, 100);
}

TEST(MountSession, AReadOnlyPlanKeepsTheMediumFromBeingOpenedForWriting) {
  HelperHarness harness([](SessionPlan& plan) { plan.forced_flags = MS_RDONLY; });
  harness.shake_hands();
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDWR | O_EXCL)), wire(EROFS));
  EXPECT_EQ(harness.ask_file(harness.open_request(O_WRONLY)), wire(EROFS));
  EXPECT_EQ(harness.effects.medium_opens, 0);
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDONLY)), 0u);
  harness.mount();
  EXPECT_NE(harness.effects.mount->flags & MS_RDONLY, 0u);
}

TEST(MountSession, WhateverTheDriverCallsItsSourceTheMountNamesTheMedium) {
  for (const std::string name : {"/dev/sda1", "sda1", "ext4", "a label"})
    for (const std::uint32_t type : {0u, kTypeFuseblk}) {
      HelperHarness harness([](SessionPlan& plan) { plan.allow_fuseblk = true; });
      harness.shake_hands();
      EXPECT_EQ(harness.ask(encode(TypePacket{type})), 0u);
      EXPECT_EQ(harness.ask(encode(SourcePacket{name})), 0u) << name;
      EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
      EXPECT_EQ(harness.ask(encode(MountPacket{6})), 0u);
      EXPECT_EQ(harness.effects.mount->source, harness.effects.medium()) << name;
    }
}

TEST(MountSession, AGoodbyeWithACodeAndNoGoodbyeReadDifferently) {
  HelperHarness with_code;
  with_code.shake_hands();
  with_code.say(encode(ByePacket{7}));
  HelperHarness without;
  without.shake_hands();
  without.peer.shut_and_close();
  without.work();
  EXPECT_TRUE(contains(with_code.session.verdict().error().message(), "goodbye code 7"));
  EXPECT_TRUE(contains(without.session.verdict().error().message(), "without saying goodbye"));
}

TEST(MountSession, AGoodbyeAfterARefusalNamesTheRefusalAndItsCause) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  harness.effects.attach_error = EBUSY;
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EBUSY));
  harness.say(encode(ByePacket{1}));
  harness.expect_failed(Errc::kBusy);
  EXPECT_EQ(harness.session.verdict().error().cause.value(), EBUSY);
  EXPECT_TRUE(contains(harness.session.verdict().error().message(), "DOIT"));
}

TEST(MountSession, EveryDescriptorIsGivenBackWhateverTheEnd) {
  const std::size_t before = count_descriptors();
  for (const bool mounted : {false, true}) {
    HelperHarness harness;
    harness.shake_hands();
    const std::size_t during = count_descriptors();
    EXPECT_EQ(harness.ask_file(harness.open_request(O_RDWR)), 0u);
    harness.descriptor.reset();
    EXPECT_EQ(count_descriptors(), during);
    if (mounted) harness.mount();
    harness.say(encode(ByePacket{0}));
    EXPECT_EQ(harness.session.verdict().has_value(), mounted);
    // Socket and FUSE device are gone; the fake's own hold on the mount point stays.
    EXPECT_EQ(count_descriptors(), during - 2 + (mounted ? 1 : 0));
  }
  EXPECT_EQ(count_descriptors(), before);
}

TEST(MountSession, AbandoningUndoesTheMount) {
  HelperHarness harness;
  harness.shake_hands();
  harness.mount();
  auto gone = fail(Errc::kIo, "the stick was pulled out");
  harness.session.abandon(std::move(gone).error());
  harness.expect_failed(Errc::kIo);
  EXPECT_EQ(harness.effects.detaches, 1);
}

TEST(MountSession, DestroyingAnUnfinishedSessionUndoesTheMount) {
  FakeMountEffects effects;
  auto ends = std::move(Channel::make_pair()).value();
  RawPeer peer(std::move(ends.second));
  {
    MountSession session(Channel(std::move(ends.first)),
                         {.subtype = "x",
                          .arguments = {"x"},
                          .medium_path = effects.medium(),
                          .mount_point = effects.mount_point()},
                         effects);
    session.start();
    for (const Bytes& packet :
         {encode(HelloReplyPacket{}), encode(SourcePacket{"x"}),
          encode(MountPointPacket{.path = effects.mount_point()}), encode(MountPacket{})})
      peer.send(packet);
    session.on_ready();
    EXPECT_TRUE(effects.mounted());
  }
  EXPECT_FALSE(effects.mounted());
}

TEST(MountSession, BothOurEndsTogetherMakeAMount) {
  FakeMountEffects effects;
  auto ends = std::move(Channel::make_pair()).value();
  std::thread driver([end = ends.second.release(), &effects] {
    auto server = Server::adopt(
        {.listen_pid = "7", .listen_fds = "1", .own_pid = 7, .first_descriptor = end});
    ASSERT_TRUE(server && server->has_value());
    Server& session = **server;
    ASSERT_TRUE(session.accept());
    EXPECT_EQ(session.arguments().at(1), effects.medium());
    const Result<OpenedDevice> device =
        session.open_device_or_read_only(session.arguments().at(1), O_EXCL);
    ASSERT_TRUE(device);
    EXPECT_EQ(device->writable, Writable::kNo);
    EXPECT_TRUE(session.finish_opening());
    const Result<void> refused = session.choose_type(FuseKind::kFuseblk);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().cause.value(), EPERM);
    const Result<void> mounted =
        session.make_mount({.source = session.arguments().at(1),
                            .mount_point = session.arguments().at(2),
                            .options = "default_permissions,max_read=131072",
                            .flags = MS_NOATIME});
    EXPECT_TRUE(mounted) << mounted.error().message();
    EXPECT_TRUE(session.goodbye(0));
  });
  MountSession session(Channel(std::move(ends.first)),
                       {.subtype = "ext4",
                        .arguments = {"ext4", effects.medium(), effects.mount_point()},
                        .medium_path = effects.medium(),
                        .mount_point = effects.mount_point(),
                        .forced_flags = MS_RDONLY},
                       effects);
  const Result<void> verdict = session.run_to_end();
  driver.join();
  ASSERT_TRUE(verdict) << verdict.error().message();
  ASSERT_TRUE(effects.mounted());
  EXPECT_EQ(effects.mount->options,
            (std::vector<std::string>{"default_permissions", "max_read=131072"}));
}

TEST(MountSession, ADriverWhoseConnectionBreaksAfterDoitIsUndoneByRunToEnd) {
  FakeMountEffects effects;
  auto ends = std::move(Channel::make_pair()).value();
  RawPeer peer(std::move(ends.second));
  for (const Bytes& packet :
       {encode(HelloReplyPacket{}), encode(SourcePacket{"x"}),
        encode(MountPointPacket{.path = effects.mount_point()}), encode(MountPacket{})})
    peer.send(packet);
  peer.shut_and_close();
  MountSession session(Channel(std::move(ends.first)),
                       {.subtype = "x",
                        .arguments = {"x"},
                        .medium_path = effects.medium(),
                        .mount_point = effects.mount_point()},
                       effects);
  EXPECT_FALSE(session.run_to_end());
  EXPECT_EQ(effects.attaches, effects.detaches);
  EXPECT_FALSE(effects.mounted());
}

TEST(WireErrno, AFailureWithoutCauseStillHasANumber) {
  for (const Errc code : kAllErrcs)
    EXPECT_NE(wire_errno(Error{.code = code, .cause = {}, .what = "", .where = {}}), 0u);
}

}  // namespace
}  // namespace airlock::testing
