// SPDX-License-Identifier: GPL-2.0-or-later
// Conformance rows S1-S25: the driver's end, with the test as a helper without manners. The socket
// buffers, so the test first says everything and then lets the server read it.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <gtest/gtest.h>

#include "lib/protocol/argument_memfd.h"
#include "lib/protocol/server.h"
#include "tests/unit/protocol_fakes.h"

namespace airlock::testing {
namespace {

using std::chrono_literals::operator""ms;

constexpr ServerDeadlines kShort{.hello = 200ms, .answer = 200ms};
const std::vector<std::string> kArguments = {"ext4", "/dev/sdb1", "/mnt"};

Activation activation_of(int descriptor) {
  return {.listen_pid = std::to_string(::getpid()),
          .listen_fds = "1",
          .own_pid = ::getpid(),
          .first_descriptor = descriptor};
}

int cause_of(const auto& result) {
  return result ? 0 : result.error().cause.value();
}

struct ServerHarness {
  ServerHarness() : ServerHarness(std::move(Channel::make_pair()).value()) {}
  explicit ServerHarness(std::pair<UniqueFd, UniqueFd> ends)
      : peer(std::move(ends.first)),
        server(std::move(Server::adopt(activation_of(ends.second.release()), kShort))
                   .value()
                   .value()) {}

  void say_hello(const HelloPacket& hello = {.flags = 3}) { peer.send(encode(hello)); }
  void send_file(std::string_view path, int descriptor) {
    peer.send(encode(FilePacket{.path = std::string(path)}), {descriptor});
  }
  void send_arguments() {
    const UniqueFd memfd = make_argument_memfd(kArguments, 0).value();
    send_file("argv", memfd.get());
  }
  void send_device() {
    const UniqueFd device(::open("/dev/null", O_RDWR | O_CLOEXEC));
    send_file("fusedev", device.get());
  }
  void shake_hands() {
    say_hello();
    send_arguments();
    send_device();
    const Result<void> accepted = server.accept();
    ASSERT_TRUE(accepted) << accepted.error().message();
    EXPECT_EQ(hear(), "4c41535400010000");
  }
  void reply(std::uint32_t error) { peer.send(encode(ReplyPacket{error})); }
  std::string hear() {
    const std::optional<ReceivedPacket> packet = peer.receive();
    return packet ? to_hex(packet->bytes) : "nothing";
  }
  // Prepares an answer to a request for "/dev/sdb1".
  Result<UniqueFd> open_with_answer(ByteSpan answer, const std::vector<int>& descriptors = {}) {
    peer.send(answer, descriptors);
    return server.open_device("/dev/sdb1", O_RDWR);
  }

  RawPeer peer;
  Server server;
};

Bytes file_packet(std::uint32_t error = 0, std::string path = "/dev/sdb1") {
  return encode(FilePacket{.error = error, .path = std::move(path)});
}

TEST(ServerConformance, S01_WithoutAPassedConnectionItIsNoService) {
  const std::string own = std::to_string(::getpid());
  const std::string other = std::to_string(::getpid() + 1);
  const std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>> cases = {
      {std::nullopt, std::nullopt},
      {own, std::nullopt},
      {std::nullopt, "1"},
      {other, "1"},
      {own + "x", "1"},
      {own, "one"},
      {own, ""},
      {"", "1"},
      {own, "0"},
      {own, "-1"},
      {own, "1x"},
      {own, " 1"}};
  for (const auto& [pid, count] : cases) {
    const auto adopted =
        Server::adopt({.listen_pid = pid, .listen_fds = count, .own_pid = ::getpid()});
    ASSERT_TRUE(adopted);
    EXPECT_FALSE(adopted->has_value());
  }
}

TEST(ServerConformance, S01_TheVariablesAreReadOnceAndTakenAway) {
  ::setenv("LISTEN_PID", "12", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  const Activation activation = Activation::from_environment();
  EXPECT_EQ(activation.listen_pid, "12");
  EXPECT_EQ(activation.listen_fds, "1");
  EXPECT_EQ(activation.own_pid, ::getpid());
  EXPECT_EQ(activation.first_descriptor, 3);
  EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
}

TEST(ServerConformance, S02_AnythingButOnePacketSocketIsRefused) {
  const std::size_t before = count_descriptors();
  Activation two = activation_of(3);
  two.listen_fds = "2";
  EXPECT_EQ(cause_of(Server::adopt(two)), E2BIG);
  const auto adopt = [](int descriptor) {
    return cause_of(Server::adopt(activation_of(descriptor)));
  };
  EXPECT_EQ(adopt(::open("/dev/null", O_RDWR)), ENOTSOCK);
  EXPECT_EQ(adopt(::socket(AF_INET, SOCK_STREAM, 0)), EAFNOSUPPORT);
  EXPECT_EQ(adopt(::socket(AF_UNIX, SOCK_STREAM, 0)), EPROTOTYPE);
  EXPECT_EQ(count_descriptors(), before);
}

TEST(ServerConformance, S03_ASendBufferTooSmallForTheLargestRequestIsRefused) {
  EXPECT_FALSE(send_buffer_suffices(4116));
  EXPECT_TRUE(send_buffer_suffices(4117));
  // The kernel enforces a minimum; the buffer must really hold the largest request then.
  auto ends = std::move(Channel::make_pair()).value();
  const int tiny = 1;
  ASSERT_EQ(::setsockopt(ends.second.get(), SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny)), 0);
  Channel channel(std::move(ends.second));
  ASSERT_TRUE(channel.check_send_buffer());
  const Bytes largest = encode(OpenPacket{.path = std::string(kMaxPathLength, 'p')});
  EXPECT_TRUE(channel.send(largest, kNoDescriptor, deadline_in(100ms)));
}

TEST(ServerConformance, S04_AMalformedHelloOrEndOfFileEndsIt) {
  for (const char* hello : {"53414654 0001 0001 000000", "53414654 0001 0001 00000003 00",
                            "4c415354 0001 0001 00000003", "00"}) {
    ServerHarness harness;
    harness.peer.send(from_hex(hello));
    EXPECT_EQ(cause_of(harness.server.accept()), EBADMSG) << hello;
    EXPECT_EQ(harness.hear(), "nothing");
  }
  ServerHarness harness;
  harness.peer.shut_and_close();
  const Result<void> accepted = harness.server.accept();
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Errc::kPeerGone);
}

TEST(ServerConformance, S05_AnyRangeThatHoldsVersionOneIsAccepted) {
  const auto accept = [](std::uint16_t lowest, std::uint16_t highest) {
    ServerHarness harness;
    harness.say_hello({.lowest_version = lowest, .highest_version = highest, .flags = 0});
    harness.send_arguments();
    harness.send_device();
    const int cause = cause_of(harness.server.accept());
    EXPECT_EQ(harness.hear(), cause == 0 ? "4c41535400010000" : "nothing");
    return cause;
  };
  EXPECT_EQ(accept(2, 1), EOPNOTSUPP);
  EXPECT_EQ(accept(0, 0), EOPNOTSUPP);
  EXPECT_EQ(accept(2, 9), EOPNOTSUPP);
  EXPECT_EQ(accept(0, 7), 0);
  EXPECT_EQ(accept(1, 9), 0);
}

TEST(ServerConformance, S06_AnUnknownHelloFlagIsRefused) {
  ServerHarness harness;
  harness.say_hello({.flags = 4});
  EXPECT_EQ(cause_of(harness.server.accept()), EINVAL);
  ServerHarness known;
  known.say_hello({.flags = 2});
  known.send_arguments();
  known.send_device();
  ASSERT_TRUE(known.server.accept());
  EXPECT_TRUE(known.server.fuseblk_permitted());
  EXPECT_FALSE(known.server.allow_other_permitted());
}

TEST(ServerConformance, S07_DescriptorsOnHelloOrReplyAreDropped) {
  ServerHarness harness;
  harness.peer.send(encode(HelloPacket{.flags = 3}), {0, 1});
  harness.send_arguments();
  harness.send_device();
  const std::size_t before = count_descriptors();
  ASSERT_TRUE(harness.server.accept());
  EXPECT_EQ(count_descriptors(), before + 1);  // the FUSE device
  harness.peer.send(encode(ReplyPacket{}), {0, 1});
  EXPECT_TRUE(harness.server.choose_type(FuseKind::kFuse));
  EXPECT_EQ(count_descriptors(), before + 1);
}

TEST(ServerConformance, S08_TheHandshakeFilesMustComeInOrder) {
  ServerHarness harness;
  const std::size_t before = count_descriptors();
  harness.say_hello();
  harness.send_device();
  harness.send_arguments();
  EXPECT_EQ(cause_of(harness.server.accept()), EBADMSG);
  EXPECT_EQ(count_descriptors(), before);
}

TEST(ServerConformance, S09_AFileNameWithoutItsNulIsAccepted) {
  ServerHarness harness;
  harness.shake_hands();
  Bytes answer = file_packet();
  answer.pop_back();
  EXPECT_TRUE(harness.open_with_answer(answer, {0}));
}

TEST(ServerConformance, S10_AnotherMagicOrPathIsRefusedAndTheDescriptorClosed) {
  Bytes other_magic = file_packet();
  other_magic[0] = std::byte{'f'};
  for (const Bytes& answer : {other_magic, file_packet(0, "/dev/sdb2"), file_packet(0, "/dev/sdb"),
                              encode(ReplyPacket{}), file_packet(13, "?")}) {
    ServerHarness harness;
    harness.shake_hands();
    const std::size_t before = count_descriptors();
    EXPECT_EQ(cause_of(harness.open_with_answer(answer, {0})), EBADMSG);
    EXPECT_EQ(count_descriptors(), before);
    EXPECT_FALSE(harness.server.choose_type(FuseKind::kFuse)) << "the session is out of step";
  }
}

TEST(ServerConformance, S11_AnErrnoInAFileIsTheResultWithOrWithoutDescriptor) {
  ServerHarness harness;
  harness.shake_hands();
  const std::size_t before = count_descriptors();
  EXPECT_EQ(cause_of(harness.open_with_answer(file_packet(13))), 13);
  EXPECT_EQ(cause_of(harness.open_with_answer(file_packet(13), {0})), 13);
  EXPECT_EQ(count_descriptors(), before);
  EXPECT_TRUE(harness.open_with_answer(file_packet(), {0}));

  ServerHarness handshake;
  handshake.say_hello();
  handshake.peer.send(file_packet(13, "argv"));
  EXPECT_EQ(cause_of(handshake.server.accept()), 13);
  EXPECT_FALSE(handshake.server.accept());
  EXPECT_FALSE(handshake.server.choose_type(FuseKind::kFuse));
}

TEST(ServerConformance, S12_AFileOfTheWrongLengthOrWithTwoDescriptorsIsClosed) {
  Bytes longer = file_packet();
  longer.push_back(std::byte{0});
  const Bytes shorter = from_hex("46494c45 000000");
  const std::vector<std::pair<Bytes, std::vector<int>>> cases = {
      {longer, {0}}, {shorter, {0}}, {file_packet(), {0, 1}}, {file_packet(), {0, 1, 2}}};
  for (const auto& [answer, descriptors] : cases) {
    ServerHarness harness;
    harness.shake_hands();
    const std::size_t before = count_descriptors();
    EXPECT_EQ(cause_of(harness.open_with_answer(answer, descriptors)), EBADMSG);
    EXPECT_EQ(count_descriptors(), before);
  }
}

TEST(ServerConformance, S13_ASuccessWithoutDescriptorIsNoFile) {
  ServerHarness harness;
  harness.shake_hands();
  EXPECT_EQ(cause_of(harness.open_with_answer(file_packet())), ENOENT);
  EXPECT_TRUE(harness.open_with_answer(file_packet(), {0})) << "the session lives on";
}

TEST(ServerConformance, S14_CredentialsInsteadOfRightsAreRefused) {
  ServerHarness harness;
  harness.shake_hands();
  const int on = 1;
  ASSERT_EQ(
      ::setsockopt(harness.server.connection().get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
  ASSERT_EQ(harness.peer.send_with_credentials(file_packet()), 0);
  EXPECT_EQ(cause_of(harness.server.open_device("/dev/sdb1", O_RDWR)), EBADMSG);
}

TEST(ServerConformance, ReceivedDescriptorsAreCloseOnExec) {
  ServerHarness harness;
  harness.shake_hands();
  const Result<UniqueFd> opened = harness.open_with_answer(file_packet(), {0});
  ASSERT_TRUE(opened);
  for (const int descriptor :
       {opened->get(), harness.server.fuse_device().get(), harness.server.connection().get()})
    EXPECT_EQ(::fcntl(descriptor, F_GETFD), FD_CLOEXEC);
}

// S15-S17: the argument memfd as it arrives in the handshake.

int accept_arguments(ServerHarness& harness, ByteSpan content) {
  const UniqueFd memfd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::write(memfd.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  harness.say_hello();
  harness.send_file("argv", memfd.get());
  harness.send_device();
  return cause_of(harness.server.accept());
}

int accept_arguments(std::string_view hex) {
  ServerHarness harness;
  const std::size_t before = count_descriptors();
  const int cause = accept_arguments(harness, from_hex(hex));
  EXPECT_EQ(count_descriptors(), before + (cause == 0 ? 1 : 0));  // the FUSE device
  return cause;
}

TEST(ServerConformance, S15_ABrokenArgumentMemfdIsRefused) {
  EXPECT_EQ(accept_arguments("41524753 000000"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524754 00000001 00000010 00000002 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000002 00000010 00000002 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 00000010 00000003 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 00000013 00000001 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 00000010 00000002 6161"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 00000010 00000000 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 00000010 00000002 6100"), 0);
}

TEST(ServerConformance, S16_CountsAndLengthsAreBounded) {
  EXPECT_EQ(accept_arguments("41524753 00000000"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 ffffffff 00000010 00000002 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 00000010 ffffffff 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 00000001 ffffffff 00000002 6100"), EBADMSG);
  EXPECT_EQ(accept_arguments("41524753 20000001 00000010 00000002 6100"), EBADMSG);
  ServerHarness harness;
  EXPECT_EQ(accept_arguments(harness, Bytes(kMaxArgumentBytes + 1)), EBADMSG);
}

TEST(ServerConformance, S17_StringsMayStandAnywhere) {
  ServerHarness hole;
  EXPECT_EQ(accept_arguments(hole, from_hex("41524753 00000001 00000018 00000002 "
                                            "0000000000000000 6100")),
            0);
  EXPECT_EQ(hole.server.arguments(), std::vector<std::string>{"a"});
  ServerHarness reordered_and_overlapping;
  EXPECT_EQ(accept_arguments(reordered_and_overlapping,
                             from_hex("41524753 00000003 00000023 00000002 00000020 00000003 "
                                      "00000021 00000002 616200 6300")),
            0);
  EXPECT_EQ(reordered_and_overlapping.server.arguments(),
            (std::vector<std::string>{"c", "ab", "b"}));
}

TEST(ServerConformance, S18_TheUnitsOptionsComeBeforeTheCallers) {
  EXPECT_EQ(merge_arguments(std::vector<std::string>{"ext4", "/dev/a", "/m", "-o", "ro"},
                            std::vector<std::string>{"drv", "-x"}),
            (std::vector<std::string>{"ext4", "-x", "/dev/a", "/m", "-o", "ro"}));
  ServerHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.server.merged_arguments(std::vector<std::string>{"drv", "-x"}),
            (std::vector<std::string>{"ext4", "-x", "/dev/sdb1", "/mnt"}));
}

TEST(ServerConformance, S19_AMalformedReplyAbandonsTheMount) {
  for (const char* answer :
       {"5245504c", "5245504c 00000000 00000000", "7245504c 00000000", "5245504c000000"}) {
    ServerHarness harness;
    harness.shake_hands();
    harness.peer.send(from_hex(answer));
    EXPECT_EQ(cause_of(harness.server.choose_type(FuseKind::kFuse)), EBADMSG);
    harness.reply(0);
    EXPECT_FALSE(harness.server.mount(6));
    EXPECT_EQ(harness.hear(), "5459504500000000");
    EXPECT_EQ(harness.hear(), "nothing");
  }
}

TEST(ServerConformance, S20_ARefusalAnywhereIsFollowedByAGoodbyeAlone) {
  for (int refused = 0; refused < 6; ++refused) {
    ServerHarness harness;
    harness.shake_hands();
    for (int i = 0; i < 6; ++i) harness.reply(i == refused ? 22 : 0);
    const Result<void> mounted = harness.server.make_mount({.source = "ext4",
                                                            .mount_point = "/mnt",
                                                            .options = "max_read=4096",
                                                            .mount_table = "user=me",
                                                            .flags = 6});
    EXPECT_EQ(cause_of(mounted), 22);
    EXPECT_TRUE(harness.server.goodbye(1));
    for (int i = 0; i <= refused; ++i) EXPECT_NE(harness.hear().substr(0, 8), "42594545");
    EXPECT_EQ(harness.hear(), "4259454500000001");
  }
}

TEST(ServerConformance, S21_AHelperThatVanishesIsAFailureAtOnce) {
  ServerHarness during_handshake;
  during_handshake.say_hello();
  during_handshake.peer.shut_and_close();
  EXPECT_FALSE(during_handshake.server.accept());
  ServerHarness before_answer;
  before_answer.shake_hands();
  before_answer.peer.shut_and_close();
  EXPECT_FALSE(before_answer.server.open_device("/dev/sdb1", O_RDWR));
  EXPECT_FALSE(before_answer.server.choose_type(FuseKind::kFuse));
  EXPECT_FALSE(before_answer.server.goodbye(1));
}

TEST(ServerConformance, S21_AHelperThatFallsSilentIsAFailureAtTheDeadline) {
  ServerHarness silent;
  const Result<void> accepted = silent.server.accept();
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Errc::kTimedOut);
  ServerHarness later;
  later.shake_hands();
  const Result<void> answered = later.server.choose_type(FuseKind::kFuse);
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, Errc::kTimedOut);
}

TEST(ServerConformance, S22_AMountIsTypeNameMntpOptsMtabDoitBye) {
  ServerHarness plain;
  plain.shake_hands();
  for (int i = 0; i < 4; ++i) plain.reply(0);
  EXPECT_TRUE(plain.server.make_mount({.source = "/dev/sdb1", .mount_point = "/mnt", .flags = 6}));
  EXPECT_TRUE(plain.server.goodbye(0));
  for (const char* expected :
       {"5459504500000000", "4e414d452f6465762f7364623100", "4d4e5450400000002f6d6e7400",
        "444f495400000006", "4259454500000000", ""})
    EXPECT_EQ(plain.hear(), expected);

  ServerHarness full;
  full.shake_hands();
  for (int i = 0; i < 6; ++i) full.reply(0);
  EXPECT_TRUE(full.server.make_mount({.kind = FuseKind::kFuseblk,
                                      .source = "e",
                                      .mount_point = "/m",
                                      .expected_type = kExpectRegularFile,
                                      .options = "o",
                                      .mount_table = "t",
                                      .flags = 7}));
  for (const char* expected : {"5459504500000001", "4e414d456500", "4d4e5450800000002f6d00",
                               "4f5054536f00", "4d5441427400", "444f495400000007", "nothing"})
    EXPECT_EQ(full.hear(), expected);
}

TEST(ServerConformance, S23_AfterTheLastOpenDescriptorsAreRefused) {
  ServerHarness harness;
  harness.shake_hands();
  EXPECT_TRUE(harness.server.finish_opening());
  const std::size_t before = count_descriptors();
  const int error = harness.peer.send(encode(ReplyPacket{}), {0});
  EXPECT_EQ(error, kernel_can_refuse_descriptors() ? EPERM : 0);
  if (error != 0) harness.reply(0);
  EXPECT_TRUE(harness.server.choose_type(FuseKind::kFuse));
  EXPECT_EQ(count_descriptors(), before);
}

TEST(ServerConformance, S24_AFailingServerSaysSoShutsDownAndExitsAfterAMoment) {
  auto ends = std::move(Channel::make_pair()).value();
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    auto server = Server::adopt(activation_of(ends.second.release()));
    if (!server || !*server || !(*server)->accept()) ::_exit(99);
    if ((*server)->open_device("/dev/sdb1", O_RDWR)) ::_exit(98);
    server->reset();  // without a goodbye of its own
    ::_exit(leave_service(ServiceEnd::kFailure));
  }
  // `ends.second` stays open here, like a copy in a service manager.
  RawPeer peer(std::move(ends.first));
  const UniqueFd memfd = make_argument_memfd(kArguments, 0).value();
  peer.send(encode(HelloPacket{}));
  peer.send(file_packet(0, "argv"), {memfd.get()});
  peer.send(file_packet(0, "fusedev"), {0});
  peer.send(file_packet(ENOENT));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 2000ms);
  std::vector<std::string> heard;
  for (auto packet = peer.receive(); packet; packet = peer.receive()) {
    heard.push_back(to_hex(packet->bytes));
    if (packet->bytes.empty()) break;
  }
  ASSERT_EQ(heard.size(), 4u);
  EXPECT_EQ(heard[2], "4259454500000001");
  EXPECT_EQ(heard[3], "");
}

TEST(ServerConformance, S25_AReadOnlyMediumIsAskedForAgainReadOnly) {
  for (const int refusal : {EROFS, EACCES, EPERM}) {
    ServerHarness harness;
    harness.shake_hands();
    harness.peer.send(file_packet(static_cast<std::uint32_t>(refusal)));
    harness.peer.send(file_packet(), {0});
    const Result<OpenedDevice> opened = harness.server.open_device_or_read_only("/dev/sdb1", 0);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->writable, Writable::kNo);
    EXPECT_EQ(harness.hear(), "4f50454e000000020000000000000001000000002f6465762f7364623100");
    EXPECT_EQ(harness.hear(), "4f50454e000000000000000000000000000000002f6465762f7364623100");
  }
  ServerHarness busy;
  busy.shake_hands();
  busy.peer.send(file_packet(EBUSY));
  EXPECT_EQ(cause_of(busy.server.open_device_or_read_only("/dev/sdb1", 0)), EBUSY);
}

// D12: a listening socket, so that the kernel knows who connected.
int adopt_connection_from(uid_t uid) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(listener.get(), raw, sizeof(address)), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::chmod(path.c_str(), 0777) + ::chmod(directory.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() != uid && ::setresuid(uid, uid, uid) != 0) ::_exit(1);
    const UniqueFd client(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    ::_exit(::connect(client.get(), raw, sizeof(address)) == 0 ? 0 : 2);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return cause_of(Server::adopt(activation_of(::accept4(listener.get(), nullptr, nullptr, 0))));
}

TEST(ServerConformance, D12_OnlyUidZeroMayConnect) {
  const uid_t somebody = ::getuid() == 0 ? 65534 : ::getuid();
  EXPECT_EQ(adopt_connection_from(somebody), EPERM);
}

TEST(ServerConformanceRunAsRoot, D12_RootMayConnect) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(adopt_connection_from(0), 0);
}

}  // namespace
}  // namespace airlock::testing
