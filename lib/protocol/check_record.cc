// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/check_record.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "lib/protocol/record_fields.h"

namespace airlock {
namespace {

using namespace record;

constexpr std::uint32_t kRequestMagic = 0x51434c41;   // "ALCQ"
constexpr std::uint32_t kProgramMagic = 0x46434c41;   // "ALCF"
constexpr std::uint32_t kProgressMagic = 0x50434c41;  // "ALCP"
constexpr std::uint32_t kReplyMagic = 0x52434c41;     // "ALCR"

constexpr std::size_t kOperationAt = 4;
constexpr TextField kTypeField = {"type", 8, 16, CheckRequest::kMostType};
constexpr TextField kLabelField = {"label", 10, 48, CheckRequest::kMostLabel};
static_assert(kLabelField.at + kLabelField.most == kCheckRequestLength);

constexpr std::size_t kVerdictAt = 4;
constexpr std::size_t kChangedAt = 5;
constexpr std::size_t kFindingsAt = 8;
constexpr TextField kChecker = {"checker", 12, 24, CheckReply::kMostChecker};
constexpr TextField kSummary = {"summary", 14, 88, CheckReply::kMostSummary};
constexpr TextField kLog = {"log", 16, 600, CheckReply::kMostLog};
static_assert(kLog.at + kLog.most == kCheckReplyLength);

Result<void> put_checked(Bytes& bytes, const TextField& field, std::string_view text) {
  if (text.size() > field.most)
    return fail(Errc::kProtocol, "a {} of {} bytes, at most {} are allowed", field.name,
                text.size(), field.most);
  if (text.find('\0') != std::string_view::npos)
    return fail(Errc::kProtocol, "a {} with a zero in it", field.name);
  put_text(bytes, field, text);
  return {};
}

Result<void> check_packet(ByteSpan bytes, std::size_t length, std::uint32_t magic) {
  if (bytes.size() != length)
    return fail(Errc::kProtocol, "{} bytes instead of {}", bytes.size(), length);
  if (get<std::uint32_t>(bytes, 0) != magic)
    return fail(Errc::kProtocol, "a packet of another kind");
  return {};
}

// There is only one encoding: all unused bytes must be zero.
Result<void> only_as_written(const Result<Bytes>& again, ByteSpan bytes) {
  if (!again) return std::unexpected(again.error());
  if (!std::ranges::equal(*again, bytes)) return fail(Errc::kProtocol, "bytes where none belong");
  return {};
}

}  // namespace

std::string_view verdict_name(CheckVerdict verdict) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"clean", "dirty", "needs-replay", "errors", "uncorrectable",
                                       "unsupported", "unreadable", "checker-died"});
  return kNames.at(std::to_underlying(verdict));
}

Result<Bytes> encode_check_request(const CheckRequest& request) {
  Bytes bytes(kCheckRequestLength);
  put(bytes, 0, kRequestMagic);
  put(bytes, kOperationAt, std::to_underlying(request.operation));
  TRY_VOID(put_checked(bytes, kTypeField, request.type));
  TRY_VOID(put_checked(bytes, kLabelField, request.label));
  return bytes;
}

Result<CheckRequest> decode_check_request(ByteSpan bytes) {
  TRY_VOID(check_packet(bytes, kCheckRequestLength, kRequestMagic));
  CheckRequest request;
  TRY(request.operation, get_enum(bytes, kOperationAt, CheckOperation::kFormat));
  TRY(request.type, get_text(bytes, kTypeField));
  TRY(request.label, get_text(bytes, kLabelField));
  TRY_VOID(only_as_written(encode_check_request(request), bytes));
  return request;
}

Bytes check_program_packet() {
  Bytes bytes(kCheckProgramLength);
  put(bytes, 0, kProgramMagic);
  return bytes;
}

bool is_check_program_packet(ByteSpan bytes) {
  return check_packet(bytes, kCheckProgramLength, kProgramMagic).has_value();
}

Bytes encode_check_progress(std::uint32_t done) {
  Bytes bytes(kCheckProgressLength);
  put(bytes, 0, kProgressMagic);
  put(bytes, 4, std::min(done, kWholeProgress));
  return bytes;
}

Result<std::uint32_t> decode_check_progress(ByteSpan bytes) {
  TRY_VOID(check_packet(bytes, kCheckProgressLength, kProgressMagic));
  const auto done = get<std::uint32_t>(bytes, 4);
  if (done > kWholeProgress) return fail(Errc::kProtocol, "more done than there is");
  return done;
}

Result<Bytes> encode_check_reply(const CheckReply& reply) {
  Bytes bytes(kCheckReplyLength);
  put(bytes, 0, kReplyMagic);
  put(bytes, kVerdictAt, std::to_underlying(reply.verdict));
  put(bytes, kChangedAt, static_cast<std::uint8_t>(reply.changed ? 1 : 0));
  put(bytes, kFindingsAt, reply.findings);
  TRY_VOID(put_checked(bytes, kChecker, reply.checker));
  TRY_VOID(put_checked(bytes, kSummary, reply.summary));
  TRY_VOID(put_checked(bytes, kLog, reply.log));
  return bytes;
}

Result<CheckReply> decode_check_reply(ByteSpan bytes) {
  TRY_VOID(check_packet(bytes, kCheckReplyLength, kReplyMagic));
  CheckReply reply;
  TRY(reply.verdict, get_enum(bytes, kVerdictAt, CheckVerdict::kDied));
  reply.changed = get<std::uint8_t>(bytes, kChangedAt) == 1;
  reply.findings = get<std::uint32_t>(bytes, kFindingsAt);
  TRY(reply.checker, get_text(bytes, kChecker));
  TRY(reply.summary, get_text(bytes, kSummary));
  TRY(reply.log, get_text(bytes, kLog));
  TRY_VOID(only_as_written(encode_check_reply(reply), bytes));
  return reply;
}

}  // namespace airlock
