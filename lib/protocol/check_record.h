// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/wire.h"

namespace airlock {

// What a checker is to do. Only the first two leave the medium as it is.
enum class CheckOperation : std::uint8_t {
  kCheck,   // everything
  kGlance,  // what is marked clean is believed, everything else is checked
  kReplay,  // replay the journal, or finish a renaming, and nothing else
  kSettle,  // of what was found to be consistent: mark it clean
  kRepair,  // put right whatever can be
  kLabel,   // give it a label
};
constexpr bool only_reads(CheckOperation operation) {
  return operation == CheckOperation::kCheck || operation == CheckOperation::kGlance;
}

enum class CheckVerdict : std::uint8_t {
  kClean,
  kDirty,          // consistent, but it was not unmounted
  kNeedsReplay,    // the journal has to be replayed before anybody can tell
  kErrors,         // which a repair can put right, as far as the checker can tell
  kUncorrectable,  // which the checker can't put right
  kUnsupported,    // the checker does not know this format, or a feature of it
  kUnreadable,     // the medium answers with errors
  kDied,           // the checker ended in a way it should not, and nothing it said counts
};

// The word for it on the bus: "needs-replay".
std::string_view verdict_name(CheckVerdict verdict);

struct CheckRequest {
  static constexpr std::size_t kMostType = 32;
  static constexpr std::size_t kMostLabel = 64;

  CheckOperation operation = CheckOperation::kCheck;
  std::string type;   // blkid's word
  std::string label;  // kLabel only

  friend bool operator==(const CheckRequest&, const CheckRequest&) = default;
};

// What came of it. The texts are foreign: a checker wrote them about a hostile medium.
struct CheckReply {
  static constexpr std::size_t kMostChecker = 64;
  static constexpr std::size_t kMostSummary = 512;
  static constexpr std::size_t kMostLog = 16384;

  CheckVerdict verdict = CheckVerdict::kDied;
  bool changed = false;        // the medium is not what it was
  std::uint32_t findings = 0;  // how many things the checker complained about
  std::string checker;         // "e2fsck 1.47.0"
  std::string summary;         // one sentence
  std::string log;             // what the checker wrote, in lines; its middle may be left out

  friend bool operator==(const CheckReply&, const CheckReply&) = default;
};

// The conversation over the control channel of airlock-check: a request that carries the medium,
// kCheckProgram that carries the program to run, then any number of progress packets, and one
// reply. All of fixed length, little-endian; what is not used is zero.
inline constexpr std::size_t kCheckRequestLength = 112;
inline constexpr std::size_t kCheckProgramLength = 4;
inline constexpr std::size_t kCheckProgressLength = 8;
inline constexpr std::size_t kCheckReplyLength = 16984;
inline constexpr std::uint32_t kWholeProgress = 1000;

Result<Bytes> encode_check_request(const CheckRequest& request);
Result<CheckRequest> decode_check_request(ByteSpan bytes);

Bytes check_program_packet();
bool is_check_program_packet(ByteSpan bytes);

// In thousandths.
Bytes encode_check_progress(std::uint32_t done);
Result<std::uint32_t> decode_check_progress(ByteSpan bytes);

// The decoder takes any bytes whatever; Errc::kProtocol says what is wrong with them.
Result<Bytes> encode_check_reply(const CheckReply& reply);
Result<CheckReply> decode_check_reply(ByteSpan bytes);

}  // namespace airlock
