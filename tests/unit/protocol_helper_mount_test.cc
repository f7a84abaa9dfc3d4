// SPDX-License-Identifier: GPL-2.0-or-later
// Conformance rows H29-H48: mounting, ending, the handshake and the way to the socket.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "lib/protocol/argument_memfd.h"
#include "lib/protocol/service_address.h"
#include "tests/unit/protocol_helper_harness.h"

namespace airlock::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(HelperConformance, H29_DoitWithoutTypeMountsPlainFuse) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask(encode(SourcePacket{"ext4"})), 0u);
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), 0u);
  ASSERT_TRUE(harness.effects.mounted());
  EXPECT_FALSE(harness.effects.mount->block);
  EXPECT_EQ(harness.effects.mount->subtype, "ext4");
}

TEST(HelperConformance, H30_NosuidAndNodevAreForcedWhateverTheFlagsSay) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  EXPECT_EQ(harness.ask(encode(MountPacket{0})), 0u);
  EXPECT_EQ(harness.effects.mount->flags, static_cast<std::uint32_t>(MS_NOSUID | MS_NODEV));
  EXPECT_EQ(harness.effects.mount->user, 1000u);
  EXPECT_EQ(harness.effects.mount->group, 1001u);
  EXPECT_EQ(harness.effects.mount->root_mode, static_cast<std::uint32_t>(S_IFDIR));

  HelperHarness untrusted([](SessionPlan& plan) { plan.forced_flags = MS_NOEXEC; });
  untrusted.shake_hands();
  untrusted.prepare_mount();
  EXPECT_EQ(untrusted.ask(encode(MountPacket{MS_NOATIME})), 0u);
  EXPECT_EQ(untrusted.effects.mount->flags,
            static_cast<std::uint32_t>(MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME));
}

TEST(HelperConformance, H31_DoitWithAnUnknownFlagIsNotPermitted) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  for (const auto flags : {MS_REMOUNT, MS_BIND, MS_MOVE, MS_SHARED, MS_KERNMOUNT, MS_MANDLOCK})
    EXPECT_EQ(harness.ask(encode(MountPacket{static_cast<std::uint32_t>(flags)})), wire(EPERM));
  EXPECT_EQ(harness.effects.attaches, 0);
}

TEST(HelperConformance, H32_AMountPointTheUserMayNotUseIsRefused) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  harness.effects.attach_error = EPERM;
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EPERM));
  harness.say(encode(ByePacket{1}));
  harness.expect_failed(Errc::kNotPermitted);
  EXPECT_EQ(harness.effects.detaches, 0);
}

TEST(HelperConformance, H33_TooManyMountsIsTheErrnoOfTheMount) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  harness.effects.attach_error = EUSERS;
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EUSERS));
  EXPECT_FALSE(harness.effects.mounted());
}

TEST(HelperConformance, H34_OnlyOneDoitAndNothingButByeAfterIt) {
  HelperHarness harness;
  harness.shake_hands();
  harness.mount();
  for (const Bytes& command :
       {encode(MountPacket{6}), encode(TypePacket{}), encode(SourcePacket{"x"}),
        encode(OptionsPacket{"max_read=1"}), encode(MountTablePacket{"-n"}),
        encode(harness.mount_point_request())})
    EXPECT_EQ(harness.ask(command), wire(EINVAL)) << to_hex(command);
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDONLY)), wire(EINVAL));
  EXPECT_EQ(harness.effects.attaches, 1);
  harness.say(encode(ByePacket{0}));
  harness.expect_mounted();
}

TEST(HelperConformance, H34_AFailedDoitCannotBeTriedAgain) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  harness.effects.attach_error = EIO;
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EIO));
  harness.effects.attach_error = 0;
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EINVAL));
  EXPECT_EQ(harness.effects.attaches, 1);
}

TEST(HelperConformance, H35_FuseblkWhileHoldingTheDeviceExclusivelyIsBusy) {
  HelperHarness harness([](SessionPlan& plan) { plan.allow_fuseblk = true; });
  harness.shake_hands();
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDWR | O_EXCL)), 0u);
  EXPECT_EQ(harness.ask(encode(TypePacket{kTypeFuseblk})), 0u);
  EXPECT_EQ(harness.ask(encode(SourcePacket{harness.effects.medium()})), 0u);
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EBUSY));
  harness.say(encode(ByePacket{1}));
  harness.expect_failed(Errc::kBusy);
}

TEST(HelperConformance, H36_AMalformedByeIsAnsweredAndAFailure) {
  for (const char* bye : {"42594545", "42594545 00000000 00000000"}) {
    HelperHarness harness;
    harness.shake_hands();
    harness.mount();
    harness.say(from_hex(bye));
    EXPECT_EQ(to_hex(harness.hear()), "5245504c00000016");
    harness.expect_failed(Errc::kProtocol);
    EXPECT_EQ(harness.effects.detaches, 1);
  }
}

TEST(HelperConformance, H37_ByeZeroWithoutAMountIsAFailure) {
  HelperHarness harness;
  harness.shake_hands();
  harness.say(encode(ByePacket{0}));
  harness.expect_failed(Errc::kProtocol);
  EXPECT_TRUE(harness.hung_up());
}

TEST(HelperConformance, H38_ByeWithACodeIsAFailureWhateverItsLowByteSays) {
  for (const std::uint32_t code : {1u, 2u, 256u, 258u, ~0u}) {
    HelperHarness harness;
    harness.shake_hands();
    harness.mount();
    harness.say(encode(ByePacket{code}));
    harness.expect_failed(Errc::kWorkerDied);
    EXPECT_EQ(harness.effects.detaches, 1);
  }
}

TEST(HelperConformance, H39_ByeIsReadAlthoughTheDriverHasClosed) {
  HelperHarness harness;
  harness.shake_hands();
  harness.mount();
  ASSERT_EQ(harness.peer.send(encode(ByePacket{0})), 0);
  harness.peer.shut_and_close();
  harness.expect_mounted();
}

TEST(HelperConformance, H39_ByeIsReadBehindAnswersTheDriverNeverRead) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  harness.say(encode(MountPacket{6}));  // the answer stays unread
  ASSERT_EQ(harness.peer.send(encode(ByePacket{0})), 0);
  harness.peer.shut_and_close();
  harness.expect_mounted();
}

TEST(HelperConformance, H40_ShutdownWithoutByeIsAFailureAndTheMountIsDetached) {
  HelperHarness before;
  before.shake_hands();
  before.prepare_mount();
  before.peer.shut_and_close();
  before.expect_failed(Errc::kPeerGone);
  EXPECT_EQ(before.effects.detaches, 0);

  HelperHarness after;
  after.shake_hands();
  after.mount();
  after.peer.shut_and_close();
  after.expect_failed(Errc::kPeerGone);
  EXPECT_EQ(after.effects.detaches, 1);
}

TEST(HelperConformance, H41_CloseWhileSomebodyHoldsACopyEndsAtTheDeadline) {
  HelperHarness harness([](SessionPlan& plan) { plan.deadlines.command = 30ms; });
  harness.shake_hands();
  const UniqueFd copy(::fcntl(harness.peer.fd(), F_DUPFD_CLOEXEC, 0));
  harness.peer.close_only();
  harness.work();
  EXPECT_FALSE(harness.session.finished());
  (void)wait_for(kNoDescriptor, 0, harness.session.next_deadline());
  harness.session.on_deadline();
  harness.expect_failed(Errc::kTimedOut);
}

TEST(HelperConformance, H42_ABadAnswerToTheHelloEndsItAndNoFileIsSent) {
  for (const char* answer : {"4c415354 0001", "4c415354 0001 0000 0000", "53414654 0001 0000",
                             "4c415354 0000 0000", "4c415354 0002 0000", "4c415354 0001 0001"}) {
    HelperHarness harness;
    harness.session.start();
    harness.hear();
    harness.say(from_hex(answer));
    harness.expect_failed(Errc::kProtocol);
    EXPECT_TRUE(harness.hung_up()) << answer;
  }
}

TEST(HelperConformance, H43_ADriverThatNeverAnswersTheHelloIsGivenUp) {
  HelperHarness harness([](SessionPlan& plan) { plan.deadlines.hello = 30ms; });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(harness.session.run_to_end());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  harness.expect_failed(Errc::kTimedOut);
}

// H44 and H45: the way to the socket.

UniqueFd listen_at(const std::string& path, int type, int backlog = 4) {
  UniqueFd listener(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  EXPECT_EQ(::listen(listener.get(), backlog), 0);
  return listener;
}

int connect_error(const std::filesystem::path& directory, std::string_view subtype) {
  const Result<Channel> channel = connect_service(directory.string(), subtype, deadline_in(1s));
  return channel ? 0 : channel.error().cause.value();
}

// Root may connect to anything, so another user has to try.
int connect_error_as_nobody(const std::filesystem::path& directory, std::string_view subtype) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(255);
    ::_exit(connect_error(directory, subtype));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(HelperConformance, H44_EveryReasonNotToReachASocketIsToldApart) {
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  const std::size_t before = count_descriptors();
  EXPECT_EQ(connect_error(directory.path(), "none"), ENOENT);
  listen_at(directory.path() / "stale", SOCK_SEQPACKET).reset();
  EXPECT_EQ(connect_error(directory.path(), "stale"), ECONNREFUSED);
  {
    const UniqueFd stream = listen_at(directory.path() / "stream", SOCK_STREAM);
    EXPECT_EQ(connect_error(directory.path(), "stream"), EPROTOTYPE);
    const UniqueFd closed = listen_at(directory.path() / "closed", SOCK_SEQPACKET);
    std::filesystem::permissions(directory.path() / "closed", std::filesystem::perms(0));
    EXPECT_EQ(connect_error_as_nobody(directory.path(), "closed"), EACCES);
    const UniqueFd good = listen_at(directory.path() / "good", SOCK_SEQPACKET);
    EXPECT_EQ(connect_error(directory.path(), "good"), 0);
  }
  EXPECT_EQ(count_descriptors(), before);
}

TEST(HelperConformance, H44_ConnectingToAFullQueueEndsAtTheDeadline) {
  const TemporaryDirectory directory;
  const UniqueFd listener = listen_at(directory.path() / "full", SOCK_SEQPACKET, 0);
  std::vector<Channel> waiting;
  for (int i = 0; i < 2; ++i) {
    Result<Channel> channel = connect_service(directory.path().string(), "full", deadline_in(50ms));
    if (channel) waiting.push_back(*std::move(channel));
  }
  const Result<Channel> refused =
      connect_service(directory.path().string(), "full", deadline_in(-1s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTimedOut);
}

TEST(HelperConformance, H45_ASubtypeThatDoesNotFitTheAddressIsNotConnectedTo) {
  constexpr std::string_view kDirectory = "/run/filesystems";
  EXPECT_EQ(service_socket_path(kDirectory, std::string(90, 's'))->size(), 107u);
  const Result<std::string> path = service_socket_path(kDirectory, std::string(91, 's'));
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, Errc::kLimitExceeded);
  EXPECT_EQ(connect_error(kDirectory, std::string(91, 's')), ENAMETOOLONG);
  EXPECT_FALSE(service_available(kDirectory, std::string(91, 's')));
}

TEST(HelperConformance, H46_NoFuseDeviceEndsItAfterTheHelloAndNoFileIsSent) {
  HelperHarness harness;
  harness.effects.device_error = ENODEV;
  harness.session.start();
  harness.hear();
  harness.say(encode(HelloReplyPacket{}));
  harness.expect_failed(Errc::kNotFound);
  EXPECT_EQ(harness.session.verdict().error().cause.value(), ENODEV);
  EXPECT_TRUE(harness.hung_up());
}

TEST(HelperConformance, H47_TypePairsStayBehindAndLeaveAHoleInTheTable) {
  const std::vector<std::string> words = {"helper", "-t", "fuse.a", "x", "y", "-t", "fuse.b"};
  const Result<ServiceArguments> made = arguments_for_service(words);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->subtype, "a");
  EXPECT_EQ(made->arguments, (std::vector<std::string>{"a", "x", "y"}));

  HelperHarness harness([&](SessionPlan& plan) {
    plan.arguments = made->arguments;
    plan.argument_slots = made->table_slots;
  });
  harness.session.start();
  harness.hear();
  harness.say(encode(HelloReplyPacket{}));
  harness.hear();
  ASSERT_TRUE(harness.descriptor.valid());
  EXPECT_EQ(read_argument_memfd(harness.descriptor.borrow()).value(), made->arguments);
  std::array<std::byte, 12> start{};
  ASSERT_EQ(::pread(harness.descriptor.get(), start.data(), start.size(), 0), 12);
  EXPECT_EQ(to_hex(start), "415247530000000300000040");  // three strings, the first at 8 + 8 * 7
}

TEST(HelperConformance, H48_FailedRequestsLeaveNoDescriptorBehind) {
  HelperHarness harness;
  harness.shake_hands();
  harness.descriptor.reset();
  OpenPacket block = harness.open_request(O_RDONLY);
  block.target = OpenTarget::kBlockDevice;
  const std::size_t before = count_descriptors();
  EXPECT_NE(harness.ask_file({.path = "/etc/shadow"}), 0u);
  EXPECT_NE(harness.ask_file(block), 0u);
  EXPECT_NE(harness.ask(encode(MountPointPacket{.path = "/"})), 0u);
  harness.effects.pin_error = EACCES;
  EXPECT_NE(harness.ask(encode(harness.mount_point_request())), 0u);
  EXPECT_EQ(count_descriptors(), before);
}

}  // namespace
}  // namespace airlock::testing
