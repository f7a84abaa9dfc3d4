// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/wire.h"

namespace airlock {

// The operations of a checker. Only the first two leave the medium unchanged.
enum class CheckOperation : std::uint8_t {
  kCheck,   // everything
  kGlance,  // believes what is marked clean, checks everything else
  kReplay,  // replay the journal, or finish a renaming, and nothing else
  kSettle,  // marks a medium clean that was found consistent
  kRepair,  // fixes whatever can be fixed
  kLabel,   // sets the label
  kErase,   // zeroes both ends, so that nothing of what was there is found; needs no program
  kFormat,  // erases, then makes a new, empty filesystem of the type with the label
};
constexpr bool only_reads(CheckOperation operation) {
  return operation == CheckOperation::kCheck || operation == CheckOperation::kGlance;
}
constexpr bool takes_label(CheckOperation operation) {
  return operation == CheckOperation::kLabel || operation == CheckOperation::kFormat;
}

enum class CheckVerdict : std::uint8_t {
  kClean,
  kDirty,          // consistent, but it was not cleanly unmounted
  kNeedsReplay,    // the journal must be replayed before the checker can tell
  kErrors,         // a repair can fix them, as far as the checker can tell
  kUncorrectable,  // errors that the checker can't fix
  kUnsupported,    // the checker does not know this format, or a feature of it
  kUnreadable,     // the medium answers with errors
  kDied,           // the checker ended abnormally, and nothing it said counts
};

// The verdict's name on the bus: "needs-replay".
std::string_view verdict_name(CheckVerdict verdict);

struct CheckRequest {
  static constexpr std::size_t kMostType = 32;
  static constexpr std::size_t kMostLabel = 64;

  CheckOperation operation = CheckOperation::kCheck;
  std::string type;   // blkid's word
  std::string label;  // if the operation takes one

  friend bool operator==(const CheckRequest&, const CheckRequest&) = default;
};

// The result. Its texts are foreign: a checker wrote them about a hostile medium.
struct CheckReply {
  static constexpr std::size_t kMostChecker = 64;
  static constexpr std::size_t kMostSummary = 512;
  static constexpr std::size_t kMostLog = 16384;

  CheckVerdict verdict = CheckVerdict::kDied;
  bool changed = false;        // the checker wrote to the medium
  std::uint32_t findings = 0;  // how many problems the checker reported
  std::string checker;         // "e2fsck 1.47.0"
  std::string summary;         // one sentence
  std::string log;             // the checker's output, in lines; its middle may be missing

  friend bool operator==(const CheckReply&, const CheckReply&) = default;
};

// The conversation over the control channel of airlock-check: a request that carries the medium,
// kCheckProgram that carries the program to run (not for kErase), then any number of progress
// packets, and one reply. All have a fixed length and are little-endian; unused bytes are zero.
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

// The decoder accepts arbitrary bytes; Errc::kProtocol says what is wrong with them.
Result<Bytes> encode_check_reply(const CheckReply& reply);
Result<CheckReply> decode_check_reply(ByteSpan bytes);

}  // namespace airlock
