// SPDX-License-Identifier: GPL-2.0-or-later
//
// The answer of a subverted airlock-check: any bytes. An accepted answer must be within its bounds
// and have only one encoding. Shorter input is first filled up with zeros, so that mutation gets
// past the check of the length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "lib/protocol/check_record.h"

namespace airlock {
namespace {

void require(bool held) {
  if (!held) std::abort();
}

void require_text(const std::string& text, std::size_t most) {
  require(text.size() <= most && text.find('\0') == std::string::npos);
}

void decode_request(ByteSpan bytes) {
  const auto request = decode_check_request(bytes);
  if (!request) return;
  require(request->operation <= CheckOperation::kFormat);
  require_text(request->type, CheckRequest::kMostType);
  require_text(request->label, CheckRequest::kMostLabel);
  require(std::ranges::equal(encode_check_request(*request).value(), bytes));
}

void decode_progress(ByteSpan bytes) {
  const auto done = decode_check_progress(bytes);
  if (!done) return;
  require(*done <= kWholeProgress);
  require(std::ranges::equal(encode_check_progress(*done), bytes));
}

void decode_reply(ByteSpan bytes) {
  const auto reply = decode_check_reply(bytes);
  if (!reply) return;
  require(!verdict_name(reply->verdict).empty());
  require_text(reply->checker, CheckReply::kMostChecker);
  require_text(reply->summary, CheckReply::kMostSummary);
  require_text(reply->log, CheckReply::kMostLog);
  require(std::ranges::equal(encode_check_reply(*reply).value(), bytes));
}

void decode(ByteSpan bytes) {
  decode_request(bytes);
  decode_progress(bytes);
  decode_reply(bytes);
  (void)is_check_program_packet(bytes);
}

}  // namespace
}  // namespace airlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  airlock::decode(bytes);
  for (const std::size_t length :
       {airlock::kCheckRequestLength, airlock::kCheckProgressLength, airlock::kCheckReplyLength}) {
    airlock::Bytes filled(bytes.begin(), bytes.end());
    filled.resize(length);
    airlock::decode(filled);
  }
  return 0;
}
