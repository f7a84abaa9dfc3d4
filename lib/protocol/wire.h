// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/protocol/packets.h"

namespace airlock {

// Turns packets into bytes and back, byte for byte as libfuse 3.19 writes them: big-endian, no
// hidden padding, strings up to the end of the packet with a NUL last. Decoders accept arbitrary
// bytes; unless length, magic and terminator are exactly right, the result is nullopt. The two ends
// interpret the values (known flags, versions, file types).
using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;

Bytes encode(const HelloPacket& packet);
Bytes encode(const HelloReplyPacket& packet);
Bytes encode(const FilePacket& packet);
Bytes encode(const ReplyPacket& packet);
Bytes encode(const OpenPacket& packet);
Bytes encode(const TypePacket& packet);
Bytes encode(const SourcePacket& packet);
Bytes encode(const OptionsPacket& packet);
Bytes encode(const MountTablePacket& packet);
Bytes encode(const MountPointPacket& packet);
Bytes encode(const MountPacket& packet);
Bytes encode(const ByePacket& packet);

std::optional<HelloPacket> decode_hello(ByteSpan bytes);
std::optional<HelloReplyPacket> decode_hello_reply(ByteSpan bytes);
std::optional<ReplyPacket> decode_reply(ByteSpan bytes);

// A driver knows the path that it asked for: the packet must contain exactly that one. Upstream
// also accepts it without its NUL, and so do we.
std::optional<FilePacket> decode_file(ByteSpan bytes, std::string_view expected_path);

// nullopt: not a command at all, which ends the session. A known command with a wrong length or
// terminator is a MalformedPacket, which gets an answer.
std::optional<Command> decode_command(ByteSpan bytes);

// "OPEN", "DOIT" and so on, for messages.
std::string magic_name(Magic magic);

}  // namespace airlock
