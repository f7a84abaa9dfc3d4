// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/protocol/wire.h"
#include "tests/unit/protocol_fakes.h"

namespace airlock::testing {

// errno as written in a packet.
constexpr std::uint32_t wire(int error) {
  return static_cast<std::uint32_t>(error);
}

// The mounting end with simulated effects on one side of a real socket pair, the test as a driver
// without manners on the other. Single-threaded: say() hands a packet over and runs the session
// until it has nothing left to do.
class HelperHarness {
 public:
  using Change = std::function<void(SessionPlan&)>;

  explicit HelperHarness(const Change& change = {}) : HelperHarness(make_ends(), change) {}

  // Up to the point where the session takes commands.
  void shake_hands() {
    session.start();
    EXPECT_EQ(to_hex(hear()).substr(0, 16), "5341465400010001");
    say(encode(HelloReplyPacket{}));
    EXPECT_EQ(to_hex(hear()), "46494c45000000006172677600");
    EXPECT_EQ(to_hex(hear()), "46494c45000000006675736564657600");
    EXPECT_TRUE(descriptor.valid());
    descriptor.reset();
  }

  int say(ByteSpan bytes, const std::vector<int>& descriptors = {}) {
    const int error = peer.send(bytes, descriptors);
    work();
    return error;
  }

  // Lets the session process everything that waits for it, including the end of the connection.
  void work() {
    while (!session.finished()) {
      pollfd waiting{
          .fd = session.descriptor().get(), .events = session.wanted_events(), .revents = 0};
      if (::poll(&waiting, 1, 0) <= 0) return;
      session.on_ready();
    }
  }

  // The next packet; fails the test if there is none. Keeps the descriptor, if any.
  Bytes hear() {
    std::optional<ReceivedPacket> packet = peer.receive();
    EXPECT_TRUE(packet.has_value()) << "no packet";
    if (!packet) return {};
    descriptor = std::move(packet->descriptor);
    return std::move(packet->bytes);
  }

  bool silence() { return !peer.receive().has_value(); }
  // The session ended the connection without saying anything.
  bool hung_up() {
    const std::optional<ReceivedPacket> packet = peer.receive();
    return packet && packet->bytes.empty() && session.finished();
  }

  // Says a command, returns the errno of its REPL.
  std::uint32_t ask(ByteSpan bytes) {
    say(bytes);
    const Bytes answer = hear();
    const std::optional<ReplyPacket> reply = decode_reply(answer);
    EXPECT_TRUE(reply.has_value()) << to_hex(answer);
    return reply ? reply->error : ~0u;
  }

  // Says an OPEN or BDEV, returns the errno of its FILE, which must repeat the path.
  std::uint32_t ask_file(ByteSpan bytes, std::string_view path) {
    say(bytes);
    const Bytes answer = hear();
    const std::optional<FilePacket> file = decode_file(answer, path);
    EXPECT_TRUE(file.has_value()) << to_hex(answer);
    if (!file) return ~0u;
    EXPECT_EQ(file->error == 0, descriptor.valid());
    return file->error;
  }
  std::uint32_t ask_file(const OpenPacket& packet) { return ask_file(encode(packet), packet.path); }

  OpenPacket open_request(std::uint32_t flags) {
    return {.open_flags = flags, .path = effects.medium()};
  }
  MountPointPacket mount_point_request(std::uint16_t expected = kExpectDirectory) {
    return {.expected_type = expected, .path = effects.mount_point()};
  }

  // Everything before DOIT.
  void prepare_mount() {
    EXPECT_EQ(ask(encode(TypePacket{})), 0u);
    EXPECT_EQ(ask(encode(SourcePacket{effects.medium()})), 0u);
    EXPECT_EQ(ask(encode(mount_point_request())), 0u);
  }
  void mount() {
    prepare_mount();
    EXPECT_EQ(ask(encode(MountPacket{6})), 0u);
    EXPECT_TRUE(effects.mounted());
  }

  // No answer, connection ended, a failure of this kind, no mount left.
  void expect_failed(Errc code) {
    work();
    ASSERT_TRUE(session.finished());
    ASSERT_FALSE(session.verdict().has_value());
    EXPECT_EQ(session.verdict().error().code, code) << session.verdict().error().message();
    EXPECT_FALSE(effects.mounted());
  }
  void expect_mounted() {
    work();
    ASSERT_TRUE(session.finished());
    EXPECT_TRUE(session.verdict().has_value());
    EXPECT_TRUE(effects.mounted());
  }

  FakeMountEffects effects;
  RawPeer peer;
  MountSession session;
  UniqueFd descriptor;

 private:
  using Ends = std::pair<UniqueFd, UniqueFd>;
  static Ends make_ends() { return std::move(Channel::make_pair()).value(); }

  HelperHarness(Ends ends, const Change& change)
      : peer(std::move(ends.second)),
        session(Channel(std::move(ends.first)), make_plan(change), effects) {}

  SessionPlan make_plan(const Change& change) {
    SessionPlan plan{.subtype = "ext4",
                     .arguments = {"ext4", effects.medium(), effects.mount_point()},
                     .medium_path = effects.medium(),
                     .mount_point = effects.mount_point(),
                     .user = 1000,
                     .group = 1001};
    if (change) change(plan);
    return plan;
  }
};

}  // namespace airlock::testing
