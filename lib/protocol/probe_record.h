// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "lib/base/error.h"
#include "lib/protocol/wire.h"

namespace airlock {

enum class ProbeUsage { kNothing, kFilesystem, kCrypto, kRaid, kPartitionTable, kOther };
enum class MediumState { kUnknown, kClean, kDirty, kHibernated, kErrors };

// What airlock-probe found on a medium. Every string is foreign text of bounded length and may
// contain any byte except NUL: quote() it before showing it, never use it as a path.
struct ProbeRecord {
  static constexpr std::size_t kMostType = 32;
  static constexpr std::size_t kMostVersion = 32;
  static constexpr std::size_t kMostLabel = 512;
  static constexpr std::size_t kMostUuid = 64;
  static constexpr std::uint32_t kMostBlockSize = 1U << 30;

  std::string type;     // blkid's word, [A-Za-z0-9_+.-]: "ext4", "vfat", "crypto_LUKS", "gpt" for a
                        // partition table; empty: nothing
  std::string version;  // printable ASCII
  std::string label;    // UTF-8 if the medium defines its encoding
  std::string uuid;     // [0-9A-Fa-f-]
  ProbeUsage usage = ProbeUsage::kNothing;
  std::uint32_t block_size = 0;       // a power of two; 0: the filesystem does not say
  std::uint64_t filesystem_size = 0;  // in bytes; 0: it does not say
  bool ambivalent = false;            // more than one signature: it is unknown which is right, and
                                      // nothing else is given
  MediumState state = MediumState::kUnknown;

  friend bool operator==(const ProbeRecord&, const ProbeRecord&) = default;
};

// Why airlock-probe returns no record.
struct ProbeRefusal {
  static constexpr std::size_t kMostWords = 512;
  enum class Reason {
    kUnreadable,  // the medium answers with errors, or is gone
    kUnfit,       // the descriptor is not a medium, or not read-only
    kFailed,      // the probing itself failed
  };

  Reason reason = Reason::kFailed;
  std::string words;  // foreign text too

  friend bool operator==(const ProbeRefusal&, const ProbeRefusal&) = default;
};

using ProbeReply = std::variant<ProbeRecord, ProbeRefusal>;

// The conversation of airlockd and airlock-probe over its control channel: one request that carries
// the medium as a descriptor, one reply, both of fixed length. Little-endian; unused bytes are
// zero. Both ends come from the same build; the version only reveals if they do not.
inline constexpr std::array<std::byte, 8> kProbeRequest = {
    std::byte{'A'}, std::byte{'L'}, std::byte{'P'}, std::byte{'Q'},
    std::byte{1},   std::byte{0},   std::byte{0},   std::byte{0}};
inline constexpr std::size_t kProbeReplyLength = 672;

// Fails on a record that does not fit the description above; the decoder at the other end would
// too.
Result<Bytes> encode_probe_reply(const ProbeReply& reply);

// Accepts arbitrary bytes. Errc::kProtocol says what is wrong with them.
Result<ProbeReply> decode_probe_reply(ByteSpan bytes);

}  // namespace airlock
