// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace airlock {

// The packets of the mount-service protocol (version 1) as plain values: no byte order, no lengths,
// no terminators. wire.h turns them into bytes and back; helper.h and server.h decide what they
// mean. Field names follow README.md in this folder.
inline constexpr std::uint16_t kProtocolVersion = 1;

// The four ASCII letters at the start of a packet.
enum class Magic : std::uint32_t {
  kHello = 0x53414654,            // SAFT
  kHelloReply = 0x4c415354,       // LAST
  kFile = 0x46494c45,             // FILE
  kOpen = 0x4f50454e,             // OPEN
  kOpenBlockDevice = 0x42444556,  // BDEV
  kType = 0x54595045,             // TYPE
  kSource = 0x4e414d45,           // NAME
  kOptions = 0x4f505453,          // OPTS
  kMountPoint = 0x4d4e5450,       // MNTP
  kMountTable = 0x4d544142,       // MTAB
  kMount = 0x444f4954,            // DOIT
  kBye = 0x42594545,              // BYEE
  kReply = 0x5245504c,            // REPL
};

// Limits that both ends enforce.
inline constexpr std::size_t kMaxCommandSize = 65536;
inline constexpr std::size_t kMaxPathLength = 4095;
inline constexpr int kMinSendBuffer = 20 + 4096 + 1;

// Bits of HelloPacket::flags. An end that does not know a bit refuses the session.
inline constexpr std::uint32_t kHelloAllowOther = 1u << 0;
inline constexpr std::uint32_t kHelloFuseblk = 1u << 1;
inline constexpr std::uint32_t kHelloKnownFlags = kHelloAllowOther | kHelloFuseblk;

inline constexpr std::uint32_t kOpenQuiet = 1u << 0;
inline constexpr std::uint32_t kTypeFuseblk = 1u << 0;

inline constexpr std::uint16_t kExpectAnything = 0;
inline constexpr std::uint16_t kExpectDirectory = 0x4000;
inline constexpr std::uint16_t kExpectRegularFile = 0x8000;

// The names of the two files that are sent without a request.
inline constexpr char kArgumentsFileName[] = "argv";
inline constexpr char kFuseDeviceFileName[] = "fusedev";
// Ours alone, for OPEN: what a driver leaves to the one that goes on with its mount. No path of a
// medium looks like this.
inline constexpr char kLiveStateFileName[] = "airlock:live-state";
// The path in the reply to a request that could not be read.
inline constexpr char kUnreadablePath[] = "?";

struct HelloPacket {
  std::uint16_t lowest_version = kProtocolVersion;
  std::uint16_t highest_version = kProtocolVersion;
  std::uint32_t flags = 0;
};

struct HelloReplyPacket {
  std::uint16_t version = kProtocolVersion;
  std::uint16_t padding = 0;
};

struct FilePacket {
  std::uint32_t error = 0;  // errno; 0 means that one descriptor comes with the packet
  std::string path;
};

struct ReplyPacket {
  std::uint32_t error = 0;  // errno; 0 is success
};

enum class OpenTarget { kAnyFile, kBlockDevice };

struct OpenPacket {
  OpenTarget target = OpenTarget::kAnyFile;
  std::uint32_t open_flags = 0;
  std::uint32_t create_mode = 0;
  std::uint32_t request_flags = 0;
  std::uint32_t block_size = 0;
  std::string path;
};

struct TypePacket {
  std::uint32_t flags = 0;
};

struct SourcePacket {
  std::string text;
};

struct OptionsPacket {
  std::string text;
};

struct MountTablePacket {
  std::string text;
};

struct MountPointPacket {
  std::uint16_t expected_type = kExpectAnything;
  std::uint16_t padding = 0;
  std::string path;
};

struct MountPacket {
  std::uint32_t flags = 0;  // MS_* as for mount(2)
};

struct ByePacket {
  std::uint32_t code = 0;
};

// A command whose magic is known but whose rest is invalid. It gets an answer, so the magic is
// kept.
struct MalformedPacket {
  Magic magic = Magic::kOpen;
};

// Every packet that a driver may send after the handshake.
using Command = std::variant<OpenPacket, TypePacket, SourcePacket, OptionsPacket, MountPointPacket,
                             MountTablePacket, MountPacket, ByePacket, MalformedPacket>;

}  // namespace airlock
