// SPDX-License-Identifier: GPL-2.0-or-later
//
// The answer of a subverted probe: any bytes. An accepted answer must be within its bounds and have
// only one encoding. Shorter input is first filled up with zeros, so that mutation gets past the
// check of the length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "lib/protocol/probe_record.h"

namespace airlock {
namespace {

void require(bool held) {
  if (!held) std::abort();
}

void check(const ProbeRecord& record) {
  require(record.type.size() <= ProbeRecord::kMostType);
  require(record.version.size() <= ProbeRecord::kMostVersion);
  require(record.uuid.size() <= ProbeRecord::kMostUuid);
  require(record.label.size() <= ProbeRecord::kMostLabel);
  require(record.label.find('\0') == std::string::npos);
  require(record.type.find_first_of("/\n \"%") == std::string::npos);
  require(!record.ambivalent || record.type.empty());
  require(record.usage <= ProbeUsage::kOther && record.state <= MediumState::kErrors);
}

void check(const ProbeRefusal& refusal) {
  require(refusal.reason <= ProbeRefusal::Reason::kFailed);
  require(refusal.words.size() <= ProbeRefusal::kMostWords);
}

void decode(ByteSpan bytes) {
  const auto reply = decode_probe_reply(bytes);
  if (!reply) return;
  std::visit([](const auto& content) { check(content); }, *reply);
  const auto again = encode_probe_reply(*reply);
  require(again.has_value() && std::ranges::equal(*again, bytes));
}

}  // namespace
}  // namespace airlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  airlock::decode(bytes);
  airlock::Bytes filled(bytes.begin(), bytes.end());
  filled.resize(airlock::kProbeReplyLength);
  airlock::decode(filled);
  return 0;
}
