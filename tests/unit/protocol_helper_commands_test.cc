// SPDX-License-Identifier: GPL-2.0-or-later
// Conformance rows H1-H28: the answers of the mounting end to single commands.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/unit/protocol_helper_harness.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

namespace airlock::testing {
namespace {

Bytes with_size(Bytes bytes, std::size_t size) {
  bytes.resize(size, std::byte{'x'});
  return bytes;
}

void expect_end_without_answer(const Bytes& packet, Errc code) {
  HelperHarness harness;
  harness.shake_hands();
  harness.say(packet);
  harness.expect_failed(code);
  EXPECT_TRUE(harness.hung_up());
}

TEST(HelperConformance, H01_EmptyPacketEndsTheSession) {
  expect_end_without_answer({}, Errc::kPeerGone);
}

TEST(HelperConformance, H02_NoCommandEndsTheSessionWithoutAnswer) {
  for (const std::size_t size : {1u, 2u, 3u})
    expect_end_without_answer(with_size(from_hex("4f50"), size), Errc::kProtocol);
  expect_end_without_answer(with_size(from_hex("4e414d45"), kMaxCommandSize + 1),
                            Errc::kLimitExceeded);
  expect_end_without_answer(from_hex("554d4e54 2f6d6e7400"), Errc::kProtocol);  // UMNT
  expect_end_without_answer(from_hex("5245504c 00000000"), Errc::kProtocol);    // our own answer
}

TEST(HelperConformance, H03_LongestCommandIsRefusedAndTheSessionLives) {
  HelperHarness harness;
  harness.shake_hands();
  Bytes longest = with_size(from_hex("4e414d45"), kMaxCommandSize);
  longest.back() = std::byte{0};
  EXPECT_EQ(harness.ask(longest), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(SourcePacket{std::string(255, 's')})), 0u);
}

TEST(HelperConformance, H04_OpenWithoutPathOrNulIsAnsweredWithAQuestionMark) {
  HelperHarness harness;
  harness.shake_hands();
  const Bytes whole = encode(harness.open_request(O_RDONLY));
  Bytes without_nul = whole;
  without_nul.pop_back();
  for (const Bytes& broken :
       {Bytes(whole.begin(), whole.begin() + 20), with_size(encode(OpenPacket{}), 21), without_nul})
    EXPECT_EQ(harness.ask_file(broken, "?"), wire(EINVAL));
  Bytes block = without_nul;
  block[0] = std::byte{0x42}, block[1] = std::byte{0x44};
  block[2] = std::byte{0x45}, block[3] = std::byte{0x56};
  EXPECT_EQ(harness.ask_file(block, "?"), wire(EINVAL));
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDONLY)), 0u);
}

TEST(HelperConformance, H05_OpenWithUnknownRequestFlagIsInvalid) {
  HelperHarness harness;
  harness.shake_hands();
  OpenPacket request = harness.open_request(O_RDONLY);
  request.request_flags = 2;
  EXPECT_EQ(harness.ask_file(request), wire(EINVAL));
  request.request_flags = kOpenQuiet;
  EXPECT_EQ(harness.ask_file(request), 0u);
}

TEST(HelperConformance, H06_OpenPathEndsAtItsFirstNul) {
  HelperHarness harness;
  harness.shake_hands();
  Bytes request = encode(harness.open_request(O_RDONLY));
  for (const char letter : {'e', 'v', 'i', 'l', '\0'})
    request.push_back(static_cast<std::byte>(letter));
  EXPECT_EQ(harness.ask_file(request, harness.effects.medium()), 0u);
}

TEST(HelperConformance, H07_OpenOfAnOverlongPathIsEchoedInFull) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask_file({.path = std::string(5000, 'p')}), wire(ENAMETOOLONG));
}

TEST(HelperConformance, H08_OpenOfAMissingMediumIsAnErrorAndTheSessionLives) {
  HelperHarness harness;
  harness.shake_hands();
  std::filesystem::remove(harness.effects.medium());
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDONLY)), wire(ENOENT));
  EXPECT_FALSE(harness.session.finished());
}

TEST(HelperConformance, H09_OpenNeverCreatesAndNeverFollowsLinks) {
  HelperHarness harness;
  harness.shake_hands();
  for (const int flags : {O_CREAT, O_TRUNC, O_PATH, O_TMPFILE, O_DIRECTORY, O_APPEND})
    EXPECT_EQ(harness.ask_file(harness.open_request(static_cast<std::uint32_t>(flags | O_RDWR))),
              wire(EPERM))
        << flags;
  EXPECT_EQ(harness.effects.medium_opens, 0);
  std::filesystem::rename(harness.effects.medium(), harness.effects.medium() + ".real");
  std::filesystem::create_symlink("medium.real", harness.effects.medium());
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDONLY)), wire(ELOOP));
}

TEST(HelperConformance, H10_OpenOfAnyOtherPathIsNotPermitted) {
  HelperHarness harness;
  harness.shake_hands();
  for (const std::string& path :
       {std::string("/etc/shadow"), harness.effects.medium() + "/", harness.effects.mount_point(),
        "/." + harness.effects.medium(), std::string("argv"), std::string("/dev/fuse")})
    EXPECT_EQ(harness.ask_file({.path = path}), wire(EPERM)) << path;
  EXPECT_EQ(harness.effects.medium_opens, 0);
}

TEST(HelperConformance, H11_OpenOfARelativePathIsNotPermittedBeforeAndAfterMntp) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask_file({.path = "medium"}), wire(EPERM));
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
  EXPECT_EQ(harness.ask_file({.path = "medium"}), wire(EPERM));
  EXPECT_EQ(harness.ask_file(harness.open_request(O_RDONLY)), 0u);
}

TEST(HelperConformance, H12_BlockDeviceRequestChecksTheKindAndTheBlockSize) {
  HelperHarness harness;
  harness.shake_hands();
  const std::size_t before = count_descriptors();
  OpenPacket request = harness.open_request(O_RDONLY);
  request.target = OpenTarget::kBlockDevice;
  EXPECT_EQ(harness.ask_file(request), wire(ENOTBLK));
  request.block_size = 3;
  EXPECT_EQ(harness.ask_file(request), wire(EINVAL));
  EXPECT_EQ(count_descriptors(), before);
}

TEST(HelperConformance, H13_OpensWithoutReadingAreAnsweredInOrder) {
  HelperHarness harness;
  harness.shake_hands();
  for (int i = 0; i < 400; ++i)
    harness.say(encode(OpenPacket{.path = fmt::format("/number/{}", i)}));
  for (int i = 0; i < 400; ++i) {
    EXPECT_TRUE(decode_file(harness.hear(), fmt::format("/number/{}", i))) << i;
    harness.work();
  }
  EXPECT_FALSE(harness.session.finished());
}

TEST(HelperConformance, H14_DescriptorsSentToUsAreRefusedOrDropped) {
  HelperHarness harness;
  harness.shake_hands();
  const std::size_t before = count_descriptors();
  const Bytes request = encode(TypePacket{.flags = 2});
  if (kernel_can_refuse_descriptors()) {
    EXPECT_EQ(harness.say(request, {0}), EPERM);
    EXPECT_TRUE(harness.silence());
    // From here on behave like a kernel that cannot refuse.
    const int on = 1;
    ASSERT_EQ(::setsockopt(harness.session.descriptor().get(), SOL_SOCKET, SO_PASSRIGHTS, &on,
                           sizeof(on)),
              0);
  }
  EXPECT_EQ(harness.say(request, {0, 1, 2}), 0);
  EXPECT_EQ(to_hex(harness.hear()), "5245504c00000016");
  EXPECT_EQ(count_descriptors(), before);
}

TEST(HelperConformance, H15_TypeMustHaveItsSizeAndKnownFlags) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask(from_hex("54595045")), wire(EINVAL));
  EXPECT_EQ(harness.ask(from_hex("54595045 00000000 00000000")), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(TypePacket{2})), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(TypePacket{0})), 0u);
}

TEST(HelperConformance, H16_FuseblkWithoutPermissionIsRefusedAndFuseMayFollow) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask(encode(TypePacket{kTypeFuseblk})), wire(EPERM));
  EXPECT_EQ(harness.ask(encode(TypePacket{0})), 0u);
  HelperHarness permitted([](SessionPlan& plan) { plan.allow_fuseblk = true; });
  permitted.shake_hands();
  EXPECT_EQ(permitted.ask(encode(TypePacket{kTypeFuseblk})), 0u);
}

TEST(HelperConformance, H17_RepeatingAnAcceptedCommandIsInvalid) {
  HelperHarness harness;
  harness.shake_hands();
  for (const Bytes& command :
       {encode(TypePacket{}), encode(SourcePacket{"ext4"}), encode(OptionsPacket{"max_read=4096"}),
        encode(MountTablePacket{"user=me"}), encode(harness.mount_point_request())}) {
    EXPECT_EQ(harness.ask(command), 0u) << to_hex(command);
    EXPECT_EQ(harness.ask(command), wire(EINVAL)) << to_hex(command);
  }
}

TEST(HelperConformance, H18_TypeAfterSourceOrOptionsIsInvalid) {
  HelperHarness after_source;
  after_source.shake_hands();
  EXPECT_EQ(after_source.ask(encode(SourcePacket{"ext4"})), 0u);
  EXPECT_EQ(after_source.ask(encode(TypePacket{})), wire(EINVAL));
  HelperHarness after_options;
  after_options.shake_hands();
  EXPECT_EQ(after_options.ask(encode(OptionsPacket{"default_permissions"})), 0u);
  EXPECT_EQ(after_options.ask(encode(TypePacket{})), wire(EINVAL));
}

TEST(HelperConformance, H19_EmptyOrUnterminatedTextsAreInvalid) {
  HelperHarness harness;
  harness.shake_hands();
  for (const std::string magic : {"4e414d45", "4f505453", "4d544142"})
    for (const std::string rest : {"", "00", "6162"})
      EXPECT_EQ(harness.ask(from_hex(magic + rest)), wire(EINVAL)) << magic << rest;
  // Long enough, but empty before the first NUL.
  EXPECT_EQ(harness.ask(from_hex("4e414d45 0000")), wire(EINVAL));
}

TEST(HelperConformance, H20_AllowOtherWithoutPermissionIsLeftOut) {
  for (const bool permitted : {false, true}) {
    HelperHarness harness([permitted](SessionPlan& plan) { plan.allow_other = permitted; });
    harness.shake_hands();
    EXPECT_EQ(harness.ask(encode(SourcePacket{"ext4"})), 0u);
    EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
    EXPECT_EQ(harness.ask(encode(OptionsPacket{"max_read=4096,allow_other"})), 0u);
    EXPECT_EQ(harness.ask(encode(MountPacket{6})), 0u);
    ASSERT_TRUE(harness.effects.mounted());
    EXPECT_EQ(harness.effects.mount->options,
              permitted ? (std::vector<std::string>{"max_read=4096", "allow_other"})
                        : (std::vector<std::string>{"max_read=4096"}));
  }
}

TEST(HelperConformance, H20_AllowOtherCannotHideInQuotes) {
  HelperHarness harness;
  harness.shake_hands();
  for (const char* options : {"allow_root", "\"allow_other\"", "\"max_read=4096,allow_other\"",
                              "max_read=4096,\"allow_other"})
    EXPECT_EQ(harness.ask(encode(OptionsPacket{options})), wire(EPERM)) << options;
  EXPECT_EQ(harness.ask(encode(OptionsPacket{"default_permissions"})), 0u);
}

TEST(HelperConformance, H21_UnknownOptionsAreRefusedAtOnce) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask(encode(OptionsPacket{"default_permissions,frobnicate"})), wire(EINVAL));
  for (const char* ours : {"fd=3", "rootmode=40000", "user_id=0", "group_id=0", "source=/dev/sda",
                           "subtype=x", "context=system_u:object_r:x"})
    EXPECT_EQ(harness.ask(encode(OptionsPacket{ours})), wire(EPERM)) << ours;
  EXPECT_EQ(harness.ask(encode(OptionsPacket{"ro,max_read=131072,user=me,blksize=512"})), 0u);
}

TEST(HelperConformance, H22_MountPointPaddingAndExpectedTypeMustBeKnown) {
  HelperHarness harness;
  harness.shake_hands();
  MountPointPacket request = harness.mount_point_request();
  request.padding = 1;
  EXPECT_EQ(harness.ask(encode(request)), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request(0xa000))), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
}

TEST(HelperConformance, H23_MountPointMustBeSpelledAsAgreed) {
  HelperHarness harness;
  harness.shake_hands();
  const std::string agreed = harness.effects.mount_point();
  for (const std::string& path : {agreed + "/", agreed + "/.", "/." + agreed, std::string("mnt"),
                                  std::string("/"), harness.effects.medium()})
    EXPECT_EQ(harness.ask(encode(MountPointPacket{.path = path})), wire(EINVAL)) << path;
}

TEST(HelperConformance, H24_MountPointOfTheWrongTypeIsRefused) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request(kExpectRegularFile))), wire(EISDIR));
  std::filesystem::remove(harness.effects.mount_point());
  std::filesystem::copy_file(harness.effects.medium(), harness.effects.mount_point());
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request(kExpectDirectory))), wire(ENOTDIR));
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request(kExpectAnything))), 0u);
}

TEST(HelperConformance, H25_MountPointMissingOrAFifoMayBeRetried) {
  HelperHarness harness;
  harness.shake_hands();
  std::filesystem::remove(harness.effects.mount_point());
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), wire(ENOENT));
  ASSERT_EQ(::mkfifo(harness.effects.mount_point().c_str(), 0600), 0);
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), wire(EACCES));
  std::filesystem::remove(harness.effects.mount_point());
  std::filesystem::create_directory(harness.effects.mount_point());
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
}

TEST(HelperConformance, H26_MountPointNamingAnOptionValueIsInvalid) {
  HelperHarness harness([](SessionPlan& plan) {
    plan.arguments.push_back("-o");
    plan.arguments.push_back("/etc");
  });
  harness.shake_hands();
  EXPECT_EQ(harness.ask(encode(MountPointPacket{.path = "/etc"})), wire(EINVAL));
}

TEST(HelperConformance, H27_SwappingTheMountPointDoesNotRedirectTheMount) {
  HelperHarness harness;
  harness.shake_hands();
  harness.prepare_mount();
  const std::string mount_point = harness.effects.mount_point();
  struct stat pinned{};
  ASSERT_EQ(::stat(mount_point.c_str(), &pinned), 0);
  std::filesystem::rename(mount_point, mount_point + ".moved");
  std::filesystem::create_directory_symlink("/", mount_point);
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), 0u);
  EXPECT_EQ(harness.effects.mounted_on, pinned.st_ino);
}

OpenPacket live_state_request() {
  return {.open_flags = O_RDWR, .path = kLiveStateFileName};
}

TEST(HelperLiveState, OnlyWhereItIsOfferedAndBeforeTheMount) {
  HelperHarness without;
  without.shake_hands();
  EXPECT_EQ(without.ask_file(live_state_request()), wire(EPERM));
  HelperHarness harness([](SessionPlan& plan) { plan.offers_live_state = true; });
  harness.shake_hands();
  EXPECT_EQ(harness.ask_file(live_state_request()), 0U);
  harness.effects.live_state_error = ENOMEM;
  EXPECT_EQ(harness.ask_file(live_state_request()), wire(ENOMEM));
  harness.mount();
  EXPECT_EQ(harness.ask_file(live_state_request()), wire(EINVAL));
}

TEST(HelperLiveState, ASuccessorMountsNothingAndSaysGoodbye) {
  HelperHarness harness([](SessionPlan& plan) { plan.resumes = true; });
  harness.shake_hands();
  harness.prepare_mount();
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EPERM));
  harness.say(encode(ByePacket{0}));
  harness.work();
  ASSERT_TRUE(harness.session.finished());
  EXPECT_TRUE(harness.session.verdict().has_value());
  EXPECT_EQ(harness.effects.attaches, 0);
}

TEST(HelperConformance, H28_DoitOfTheWrongSizeOrTooEarlyMayBeRetried) {
  HelperHarness harness;
  harness.shake_hands();
  EXPECT_EQ(harness.ask(from_hex("444f4954")), wire(EINVAL));
  EXPECT_EQ(harness.ask(from_hex("444f4954 00000006 00000000")), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(SourcePacket{"ext4"})), 0u);
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), wire(EINVAL));
  EXPECT_EQ(harness.ask(encode(harness.mount_point_request())), 0u);
  EXPECT_EQ(harness.effects.attaches, 0);
  EXPECT_EQ(harness.ask(encode(MountPacket{6})), 0u);
}

}  // namespace
}  // namespace airlock::testing
