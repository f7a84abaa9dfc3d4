// SPDX-License-Identifier: GPL-2.0-or-later
// The bytes of the protocol page, in both directions, and the limits of every decoder.
#include "lib/protocol/wire.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "lib/protocol/argument_memfd.h"
#include "lib/protocol/mount_options.h"
#include "lib/protocol/service_address.h"
#include "tests/unit/protocol_fakes.h"
#include "tests/unit/protocol_helper_harness.h"

namespace airlock::testing {
namespace {

// Section 3 of the page: a root caller, /dev/sdb1, /mnt.
struct ExampleLine {
  const char* from_server;
  const char* from_helper;
};
constexpr ExampleLine kExample[] = {
    {"4f50454e 00000082 00000000 00000000 00000000 2f6465762f73646231 00",
     "46494c45 00000000 2f6465762f73646231 00"},
    {"54595045 00000000", "5245504c 00000000"},
    {"4e414d45 2f6465762f73646231 00", "5245504c 00000000"},
    {"4d4e5450 4000 0000 2f6d6e74 00", "5245504c 00000000"},
    {"444f4954 00000006", "5245504c 00000000"},
};

// Agrees to everything, so that the example's paths need not exist.
class AgreeableEffects : public MountEffects {
 public:
  Result<UniqueFd> open_fuse_device() override { return null_device(); }
  Result<UniqueFd> open_medium(std::uint32_t, bool, std::uint32_t) override {
    return null_device();
  }
  Result<UniqueFd> open_live_state() override { return UniqueFd(); }
  Result<std::uint32_t> pin_mount_point() override { return 0040755u; }
  Result<void> attach(const MountRequest&, BorrowedFd) override { return {}; }
  void detach() override {}

 private:
  static UniqueFd null_device() { return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }
};

TEST(WireExample, TheHelperSaysExactlyTheseBytes) {
  auto ends = std::move(Channel::make_pair()).value();
  RawPeer peer(std::move(ends.second));
  AgreeableEffects effects;
  MountSession session(Channel(std::move(ends.first)),
                       {.subtype = "ext4",
                        .arguments = {"ext4", "/dev/sdb1", "/mnt"},
                        .medium_path = "/dev/sdb1",
                        .mount_point = "/mnt",
                        .allow_fuseblk = true,
                        .allow_other = true},
                       effects);
  session.start();
  EXPECT_EQ(peer.receive()->bytes, from_hex("53414654 0001 0001 00000003"));
  peer.send(from_hex("4c415354 0001 0000"));
  session.on_ready();
  for (const char* file :
       {"46494c45 00000000 61726776 00", "46494c45 00000000 66757365646576 00"}) {
    const std::optional<ReceivedPacket> packet = peer.receive();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->bytes, from_hex(file));
    EXPECT_TRUE(packet->descriptor.valid());
  }
  for (const ExampleLine& line : kExample) {
    peer.send(from_hex(line.from_server));
    session.on_ready();
    EXPECT_EQ(peer.receive()->bytes, from_hex(line.from_helper));
  }
  peer.send(from_hex("42594545 00000000"));
  session.on_ready();
  ASSERT_TRUE(session.finished());
  EXPECT_TRUE(session.verdict());
}

TEST(WireExample, TheServerSaysExactlyTheseBytes) {
  auto ends = std::move(Channel::make_pair()).value();
  RawPeer peer(std::move(ends.first));
  auto server = Server::adopt({.listen_pid = "1",
                               .listen_fds = "1",
                               .own_pid = 1,
                               .first_descriptor = ends.second.release()})
                    .value();
  ASSERT_TRUE(server);
  const UniqueFd memfd =
      make_argument_memfd(std::vector<std::string>{"ext4", "/dev/sdb1", "/mnt"}, 0).value();
  peer.send(from_hex("53414654 0001 0001 00000003"));
  peer.send(from_hex("46494c45 00000000 61726776 00"), {memfd.get()});
  peer.send(from_hex("46494c45 00000000 66757365646576 00"), {0});
  for (const ExampleLine& line : kExample)
    peer.send(from_hex(line.from_helper),
              &line == &kExample[0] ? std::vector{0} : std::vector<int>{});
  ASSERT_TRUE(server->accept());
  EXPECT_TRUE(server->open_device("/dev/sdb1", O_RDWR | O_EXCL));
  EXPECT_TRUE(server->make_mount({.source = "/dev/sdb1", .mount_point = "/mnt", .flags = 6}));
  EXPECT_TRUE(server->goodbye(0));
  EXPECT_EQ(peer.receive()->bytes, from_hex("4c415354 0001 0000"));
  for (const ExampleLine& line : kExample)
    EXPECT_EQ(peer.receive()->bytes, from_hex(line.from_server));
  EXPECT_EQ(peer.receive()->bytes, from_hex("42594545 00000000"));
}

TEST(Wire, EveryCommandSurvivesThereAndBack) {
  const Bytes commands[] = {
      encode(OpenPacket{.open_flags = 1, .create_mode = 2, .request_flags = 3, .path = "p"}),
      encode(OpenPacket{.target = OpenTarget::kBlockDevice, .block_size = 512, .path = "/b"}),
      encode(TypePacket{7}),
      encode(SourcePacket{"s"}),
      encode(OptionsPacket{"o"}),
      encode(MountTablePacket{"t"}),
      encode(MountPointPacket{.expected_type = 1, .padding = 2, .path = "m"}),
      encode(MountPacket{~0u}),
      encode(ByePacket{258})};
  for (const Bytes& bytes : commands) {
    const std::optional<Command> command = decode_command(bytes);
    ASSERT_TRUE(command) << to_hex(bytes);
    std::visit(
        [&](const auto& packet) {
          if constexpr (requires { encode(packet); })
            EXPECT_EQ(to_hex(encode(packet)), to_hex(bytes));
          else
            FAIL() << "malformed: " << to_hex(bytes);
        },
        *command);
  }
}

TEST(Wire, EveryOtherLengthOfAFixedPacketIsMalformed) {
  for (const Bytes& whole :
       {encode(TypePacket{}), encode(MountPacket{}), encode(ByePacket{}),
        encode(MountPointPacket{.path = "m"}), encode(OpenPacket{.path = "p"})})
    for (std::size_t size = 4; size < whole.size(); ++size) {
      const auto command = decode_command(ByteSpan(whole).first(size));
      ASSERT_TRUE(command);
      EXPECT_TRUE(std::holds_alternative<MalformedPacket>(*command)) << to_hex(whole) << size;
    }
}

TEST(Wire, TextIsCutAtItsFirstNulOnTheWayOut) {
  EXPECT_EQ(to_hex(encode(SourcePacket{std::string("a\0b", 3)})), "4e414d456100");
}

TEST(Wire, MagicsReadAsTheirLetters) {
  EXPECT_EQ(magic_name(Magic::kMount), "DOIT");
  EXPECT_EQ(magic_name(Magic::kOpenBlockDevice), "BDEV");
}

TEST(ArgumentMemfd, TheExampleOfThePageByteForByte) {
  const auto made = arguments_for_service(std::vector<std::string>{
      "fuservicemount3", "/dev/sdb1", "/mnt", "-t", "fuse.ext4", "-o", "ro"});
  ASSERT_TRUE(made);
  const Result<Bytes> bytes = encode_arguments(made->arguments, made->table_slots);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 90u);
  EXPECT_EQ(*bytes, from_hex("41524753 00000005 00000040 00000005 00000045 0000000a"
                             "0000004f 00000005 00000054 00000003 00000057 00000003"
                             "00000000 00000000 00000000 00000000"
                             "6578743400 2f6465762f7364623100 2f6d6e7400 2d6f00 726f00"));
  EXPECT_EQ(decode_arguments(*bytes).value(), made->arguments);
}

TEST(ArgumentMemfd, TooMuchIsRefusedOnBothEnds) {
  EXPECT_FALSE(encode_arguments({}, 4));
  EXPECT_FALSE(encode_arguments(std::vector<std::string>{std::string(kMaxArgumentBytes, 'a')}, 0));
  EXPECT_FALSE(encode_arguments(std::vector<std::string>{"a"}, kMaxArgumentBytes));
  // 1024 entries that all point to the same half megabyte.
  Bytes bytes(kMaxArgumentBytes);
  const Bytes head = from_hex("41524753 00000400");
  std::ranges::copy(head, bytes.begin());
  const Bytes entry = from_hex("00004000 00080000");
  for (std::ptrdiff_t i = 0; i < 1024; ++i) std::ranges::copy(entry, bytes.begin() + 8 + 8 * i);
  EXPECT_FALSE(decode_arguments(bytes));
}

TEST(ArgumentMemfd, OnlyFilesAreRead) {
  const UniqueFd device(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(read_argument_memfd(device.borrow()));
}

TEST(ServiceAddress, TypesNameTheirDriver) {
  for (const char* type : {"ext4", "fuse.ext4", "fuseblk.ext4"})
    EXPECT_EQ(subtype_from_type(type).value(), "ext4");
  EXPECT_EQ(subtype_from_type("fuse.a.b").value(), "a.b");
  EXPECT_EQ(subtype_from_type("fuse.fuse.x").value(), "fuse.x");
  for (const char* type : {"", "fuse.", "fuseblk.", "fuse.a/b", "fuse...", "fuse../x"})
    EXPECT_FALSE(subtype_from_type(type)) << type;
}

TEST(ServiceAddress, AnotherPlaceThanASocketIsNotAvailable) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(service_available(directory.path().string(), "missing"));
  const UniqueFd file(::open((directory.path() / "file").c_str(), O_CREAT | O_CLOEXEC, 0600));
  EXPECT_FALSE(service_available(directory.path().string(), "file"));
}

TEST(MountOptions, WhatRepeatsTheFlagsIsDropped) {
  EXPECT_EQ(screen_options("ro,nosuid,max_read=4096,,user=me,default_permissions", AllowOther::kNo)
                .value()
                .accepted,
            (std::vector<std::string>{"max_read=4096", "default_permissions"}));
}

TEST(MountOptions, ValuesAreNumbersAndFlagsHaveNone) {
  for (const char* bad : {"max_read", "max_read=", "max_read=-1", "max_read=0x10", "max_read=1k",
                          "max_read=4294967296", "default_permissions=1", "allow_other=", "=", " "})
    EXPECT_EQ(screen_options(bad, AllowOther::kYes).error(), 22u) << bad;
}

}  // namespace
}  // namespace airlock::testing
