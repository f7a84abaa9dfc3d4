// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/probe_record.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/protocol/record_fields.h"

namespace airlock {
namespace {

using namespace record;

// The offset of each part of a reply.
constexpr std::uint32_t kMagic = 0x52504c41;  // "ALPR"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kKindAt = 6;
constexpr std::size_t kReasonAt = 7;  // of a refusal
constexpr std::size_t kUsageAt = 8;
constexpr std::size_t kStateAt = 9;
constexpr std::size_t kAmbivalentAt = 10;
constexpr std::size_t kBlockSizeAt = 12;
constexpr std::size_t kFilesystemSizeAt = 16;

constexpr TextField kFoundType = {
    .name = "type", .length_at = 24, .at = 32, .most = ProbeRecord::kMostType};
constexpr TextField kFoundVersion = {
    .name = "version", .length_at = 26, .at = 64, .most = ProbeRecord::kMostVersion};
constexpr TextField kFoundUuid = {
    .name = "UUID", .length_at = 28, .at = 96, .most = ProbeRecord::kMostUuid};
constexpr TextField kFoundLabel = {
    .name = "label", .length_at = 30, .at = 160, .most = ProbeRecord::kMostLabel};
// A refusal has only one text, at the place of a record's label.
constexpr TextField kWords = {
    .name = "reason", .length_at = 30, .at = 160, .most = ProbeRefusal::kMostWords};
static_assert(kFoundLabel.at + kFoundLabel.most == kProbeReplyLength);

enum class Kind : std::uint8_t { kRecord = 1, kRefusal = 2 };

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool fits_type(char c) {
  return is_letter_or_digit(c) || std::string_view("_+.-").find(c) != std::string_view::npos;
}
bool fits_version(char c) {
  return c >= ' ' && c <= '~';
}
bool fits_uuid(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
}
bool fits_foreign(char c) {
  return c != '\0';
}

Result<void> check_text(std::string_view text, const TextField& field, bool (*fits)(char)) {
  if (text.size() > field.most)
    return fail(Errc::kProtocol, "a {} of {} bytes, at most {} are allowed", field.name,
                text.size(), field.most);
  if (!std::ranges::all_of(text, fits))
    return fail(Errc::kProtocol, "a {} with a character that can't be in one", field.name);
  return {};
}

Result<void> check_texts(const ProbeRecord& record) {
  TRY_VOID(check_text(record.type, kFoundType, fits_type));
  TRY_VOID(check_text(record.version, kFoundVersion, fits_version));
  TRY_VOID(check_text(record.uuid, kFoundUuid, fits_uuid));
  return check_text(record.label, kFoundLabel, fits_foreign);
}

// Refuses contradictions.
Result<void> check_sense(const ProbeRecord& record) {
  if (record.type.empty() != (record.usage == ProbeUsage::kNothing))
    return fail(Errc::kProtocol, "a type without a use, or a use without a type");
  const ProbeRecord nothing_else{.ambivalent = record.ambivalent};
  if (record.type.empty() && record != nothing_else)
    return fail(Errc::kProtocol, "details of a medium with nothing on it");
  if (record.ambivalent && !record.type.empty())
    return fail(Errc::kProtocol, "a type although more than one fits");
  if (record.block_size != 0 &&
      (!std::has_single_bit(record.block_size) || record.block_size > ProbeRecord::kMostBlockSize))
    return fail(Errc::kProtocol, "a block size of {}", record.block_size);
  return {};
}

Result<void> check(const ProbeRecord& record) {
  TRY_VOID(check_texts(record));
  return check_sense(record);
}

Bytes begin(Kind kind) {
  Bytes bytes(kProbeReplyLength);
  put(bytes, kMagicAt, kMagic);
  put(bytes, kVersionAt, kVersion);
  put(bytes, kKindAt, std::to_underlying(kind));
  return bytes;
}

Bytes write(const ProbeRecord& record) {
  Bytes bytes = begin(Kind::kRecord);
  put(bytes, kUsageAt, static_cast<std::uint8_t>(record.usage));
  put(bytes, kStateAt, static_cast<std::uint8_t>(record.state));
  put(bytes, kAmbivalentAt, static_cast<std::uint8_t>(record.ambivalent ? 1 : 0));
  put(bytes, kBlockSizeAt, record.block_size);
  put(bytes, kFilesystemSizeAt, record.filesystem_size);
  put_text(bytes, kFoundType, record.type);
  put_text(bytes, kFoundVersion, record.version);
  put_text(bytes, kFoundUuid, record.uuid);
  put_text(bytes, kFoundLabel, record.label);
  return bytes;
}

Bytes write(const ProbeRefusal& refusal) {
  Bytes bytes = begin(Kind::kRefusal);
  put(bytes, kReasonAt, static_cast<std::uint8_t>(refusal.reason));
  put_text(bytes, kWords, refusal.words);
  return bytes;
}

Result<ProbeRecord> read_record(ByteSpan bytes) {
  ProbeRecord record;
  TRY(record.usage, get_enum(bytes, kUsageAt, ProbeUsage::kOther));
  TRY(record.state, get_enum(bytes, kStateAt, MediumState::kErrors));
  const auto ambivalent = get<std::uint8_t>(bytes, kAmbivalentAt);
  if (ambivalent > 1) return fail(Errc::kProtocol, "neither ambivalent nor not: {}", ambivalent);
  record.ambivalent = ambivalent == 1;
  record.block_size = get<std::uint32_t>(bytes, kBlockSizeAt);
  record.filesystem_size = get<std::uint64_t>(bytes, kFilesystemSizeAt);
  TRY(record.type, get_text(bytes, kFoundType));
  TRY(record.version, get_text(bytes, kFoundVersion));
  TRY(record.uuid, get_text(bytes, kFoundUuid));
  TRY(record.label, get_text(bytes, kFoundLabel));
  TRY_VOID(check(record));
  return record;
}

Result<ProbeRefusal> read_refusal(ByteSpan bytes) {
  ProbeRefusal refusal;
  TRY(refusal.reason, get_enum(bytes, kReasonAt, ProbeRefusal::Reason::kFailed));
  TRY(refusal.words, get_text(bytes, kWords));
  TRY_VOID(check_text(refusal.words, kWords, fits_foreign));
  return refusal;
}

// There is only one encoding: all unused bytes must be zero.
Result<ProbeReply> only_as_written(ProbeReply reply, ByteSpan bytes) {
  const Bytes again = std::visit([](const auto& content) { return write(content); }, reply);
  if (!std::ranges::equal(again, bytes)) return fail(Errc::kProtocol, "bytes where none belong");
  return reply;
}

}  // namespace

Result<Bytes> encode_probe_reply(const ProbeReply& reply) {
  if (const auto* record = std::get_if<ProbeRecord>(&reply)) {
    TRY_VOID(check(*record));
    return write(*record);
  }
  const auto& refusal = std::get<ProbeRefusal>(reply);
  TRY_VOID(check_text(refusal.words, kWords, fits_foreign));
  return write(refusal);
}

Result<ProbeReply> decode_probe_reply(ByteSpan bytes) {
  if (bytes.size() != kProbeReplyLength)
    return fail(Errc::kProtocol, "{} bytes instead of {}", bytes.size(), kProbeReplyLength);
  if (get<std::uint32_t>(bytes, kMagicAt) != kMagic)
    return fail(Errc::kProtocol, "it is no reply of a probe");
  if (const auto version = get<std::uint16_t>(bytes, kVersionAt); version != kVersion)
    return fail(Errc::kProtocol, "version {} of the reply instead of {}", version, kVersion);
  switch (static_cast<Kind>(get<std::uint8_t>(bytes, kKindAt))) {
    case Kind::kRecord: {
      TRY(auto record, read_record(bytes));
      return only_as_written(std::move(record), bytes);
    }
    case Kind::kRefusal: {
      TRY(auto refusal, read_refusal(bytes));
      return only_as_written(std::move(refusal), bytes);
    }
  }
  return fail(Errc::kProtocol, "neither a record nor a refusal");
}

}  // namespace airlock
