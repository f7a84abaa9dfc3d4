// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/probe_record.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace airlock::test {
namespace {

ProbeRecord full_record() {
  return {.type = "ext4",
          .version = "1.0",
          .label = "holiday \xc3\xa9",
          .uuid = "fdd560e5-9450-4816-819a-c89c5c93e840",
          .usage = ProbeUsage::kFilesystem,
          .block_size = 4096,
          .filesystem_size = 0x123456789abcdef0,
          .state = MediumState::kClean};
}

Bytes encoded(const ProbeReply& reply) {
  auto bytes = encode_probe_reply(reply);
  if (!bytes) throw std::runtime_error(bytes.error().message());
  return *bytes;
}

Errc refusal_of(const Bytes& bytes) {
  const auto reply = decode_probe_reply(bytes);
  if (reply) throw std::runtime_error("it was accepted");
  return reply.error().code;
}

Bytes with_byte(Bytes bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::byte>(value);
  return bytes;
}

TEST(ProbeRecord, ComesBackAsItWentIn) {
  for (const ProbeReply& reply : {
           ProbeReply(full_record()),
           ProbeReply(ProbeRecord{}),
           ProbeReply(ProbeRecord{.ambivalent = true}),
           ProbeReply(ProbeRecord{.type = "gpt", .usage = ProbeUsage::kPartitionTable}),
           ProbeReply(ProbeRecord{.type = "crypto_LUKS", .usage = ProbeUsage::kCrypto}),
           ProbeReply(ProbeRefusal{ProbeRefusal::Reason::kUnreadable, "it does not answer"}),
           ProbeReply(ProbeRefusal{ProbeRefusal::Reason::kUnfit, ""}),
       }) {
    const auto back = decode_probe_reply(encoded(reply));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, reply);
  }
}

TEST(ProbeRecord, KeepsEveryUseAndEveryState) {
  for (int usage = 1; usage <= static_cast<int>(ProbeUsage::kOther); ++usage)
    for (int state = 0; state <= static_cast<int>(MediumState::kErrors); ++state) {
      ProbeRecord record = full_record();
      record.usage = static_cast<ProbeUsage>(usage);
      record.state = static_cast<MediumState>(state);
      EXPECT_EQ(std::get<ProbeRecord>(*decode_probe_reply(encoded(record))), record);
    }
}

TEST(ProbeRecord, KeepsTextsAsLongAsTheyMayBeWithAnyByteInTheLabel) {
  ProbeRecord record = full_record();
  record.type.assign(ProbeRecord::kMostType, 'x');
  record.version.assign(ProbeRecord::kMostVersion, '~');
  record.uuid.assign(ProbeRecord::kMostUuid, 'F');
  record.label.clear();
  for (int byte = 1; byte <= 255; ++byte) record.label += static_cast<char>(byte);
  record.label.resize(ProbeRecord::kMostLabel, '\n');
  EXPECT_EQ(std::get<ProbeRecord>(*decode_probe_reply(encoded(record))), record);
}

// The layout is a contract between two programs that may be upgraded one after the other.
TEST(ProbeRecord, LiesWhereItAlwaysDid) {
  const Bytes bytes = encoded(full_record());
  ASSERT_EQ(bytes.size(), 672U);
  const auto text = [&](std::size_t at, std::size_t length) {
    return std::string(reinterpret_cast<const char*>(bytes.data()) + at, length);
  };
  EXPECT_EQ(text(0, 8), std::string("ALPR\1\0\1\0", 8));
  EXPECT_EQ(text(8, 4), std::string("\1\1\0\0", 4));
  EXPECT_EQ(text(12, 4), std::string("\0\x10\0\0", 4));
  EXPECT_EQ(text(16, 8), "\xf0\xde\xbc\x9a\x78\x56\x34\x12");
  EXPECT_EQ(text(24, 8), std::string("\4\0\3\0\x24\0\x0a\0", 8));
  EXPECT_EQ(text(32, 4), "ext4");
  EXPECT_EQ(text(64, 3), "1.0");
  EXPECT_EQ(text(96, 8), "fdd560e5");
  EXPECT_EQ(text(160, 7), "holiday");
}

TEST(ProbeRecord, RefusesEveryOtherLength) {
  const Bytes good = encoded(full_record());
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_EQ(refusal_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))),
              Errc::kProtocol);
  Bytes longer = good;
  longer.push_back({});
  EXPECT_EQ(refusal_of(longer), Errc::kProtocol);
}

TEST(ProbeRecord, RefusesAnotherMagicVersionOrKind) {
  const Bytes good = encoded(full_record());
  for (const std::size_t at : {0U, 1U, 2U, 3U, 4U, 5U, 6U})
    EXPECT_EQ(refusal_of(with_byte(good, at, 0xee)), Errc::kProtocol) << at;
  EXPECT_EQ(refusal_of(with_byte(good, 6, 0)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(good, 6, 2)), Errc::kProtocol);  // the reserved part of a record
}

TEST(ProbeRecord, RefusesUnknownEnumerators) {
  const Bytes good = encoded(full_record());
  EXPECT_EQ(refusal_of(with_byte(good, 8, 6)), Errc::kProtocol);   // usage
  EXPECT_EQ(refusal_of(with_byte(good, 9, 5)), Errc::kProtocol);   // state
  EXPECT_EQ(refusal_of(with_byte(good, 10, 2)), Errc::kProtocol);  // ambivalent
  EXPECT_EQ(refusal_of(with_byte(good, 8, 255)), Errc::kProtocol);
  const Bytes refusal = encoded(ProbeRefusal{ProbeRefusal::Reason::kFailed, "no"});
  EXPECT_EQ(refusal_of(with_byte(refusal, 7, 3)), Errc::kProtocol);
}

TEST(ProbeRecord, RefusesLengthsBeyondTheirRoom) {
  const Bytes good = encoded(full_record());
  for (const std::size_t at : {24U, 26U, 28U, 30U}) {
    EXPECT_EQ(refusal_of(with_byte(good, at + 1, 0xff)), Errc::kProtocol) << at;
    EXPECT_EQ(refusal_of(with_byte(with_byte(good, at, 1), at + 1, 2)), Errc::kProtocol) << at;
  }
  EXPECT_EQ(refusal_of(with_byte(good, 24, 33)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(good, 26, 33)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(good, 28, 65)), Errc::kProtocol);
  const Bytes refusal = encoded(ProbeRefusal{ProbeRefusal::Reason::kFailed, "no"});
  EXPECT_EQ(refusal_of(with_byte(with_byte(refusal, 30, 1), 31, 2)), Errc::kProtocol);
}

TEST(ProbeRecord, RefusesCharactersThatCannotBe) {
  const Bytes good = encoded(full_record());
  for (const unsigned byte : {0U, 0x20U, 0x2fU, 0x0aU, 0x7fU, 0x80U, 0xffU, 0x25U}) {
    EXPECT_EQ(refusal_of(with_byte(good, 33, byte)), Errc::kProtocol) << "type " << byte;
    EXPECT_EQ(refusal_of(with_byte(good, 97, byte)), Errc::kProtocol) << "uuid " << byte;
  }
  for (const unsigned byte : {0U, 0x0aU, 0x1fU, 0x7fU, 0x80U, 0xffU})
    EXPECT_EQ(refusal_of(with_byte(good, 65, byte)), Errc::kProtocol) << "version " << byte;
  EXPECT_EQ(refusal_of(with_byte(good, 97, 'g')), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(good, 161, 0)), Errc::kProtocol) << "a NUL inside the label";
  const Bytes refusal = encoded(ProbeRefusal{ProbeRefusal::Reason::kFailed, "no"});
  EXPECT_EQ(refusal_of(with_byte(refusal, 160, 0)), Errc::kProtocol);
}

TEST(ProbeRecord, RefusesBytesWhereNoneBelong) {
  const Bytes good = encoded(full_record());
  for (const std::size_t at : {7U, 11U, 36U, 63U, 67U, 95U, 132U, 159U, 170U, 671U})
    EXPECT_EQ(refusal_of(with_byte(good, at, 1)), Errc::kProtocol) << at;
  const Bytes refusal = encoded(ProbeRefusal{ProbeRefusal::Reason::kFailed, "no"});
  for (const std::size_t at : {8U, 12U, 16U, 24U, 32U, 64U, 96U, 162U, 671U})
    EXPECT_EQ(refusal_of(with_byte(refusal, at, 1)), Errc::kProtocol) << at;
}

TEST(ProbeRecord, RefusesOddBlockSizes) {
  const Bytes good = encoded(full_record());
  EXPECT_EQ(refusal_of(with_byte(good, 12, 1)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(with_byte(good, 13, 0), 15, 0x80)), Errc::kProtocol);  // 2 GiB
}

// Each row makes one record invalid; encoding it fails too, so a worker cannot send it by mistake.
TEST(ProbeRecord, RefusesWhatMakesNoSense) {
  const std::pair<const char*, std::function<void(ProbeRecord&)>> rows[] = {
      {"a type without a use", [](auto& r) { r.usage = ProbeUsage::kNothing; }},
      {"a use without a type", [](auto& r) { r.type.clear(); }},
      {"a label on nothing", [](auto& r) { r = {.label = "x"}; }},
      {"a size of nothing", [](auto& r) { r = {.filesystem_size = 1}; }},
      {"a state of nothing", [](auto& r) { r = {.state = MediumState::kClean}; }},
      {"ambivalent and certain", [](auto& r) { r.ambivalent = true; }},
      {"ambivalent with a label", [](auto& r) { r = {.label = "x", .ambivalent = true}; }},
      {"a type too long", [](auto& r) { r.type.assign(33, 'x'); }},
      {"a version too long", [](auto& r) { r.version.assign(33, '1'); }},
      {"a UUID too long", [](auto& r) { r.uuid.assign(65, '1'); }},
      {"a label too long", [](auto& r) { r.label.assign(513, 'x'); }},
      {"a slash in the type", [](auto& r) { r.type = "../ext4"; }},
      {"a NUL in the label", [](auto& r) { r.label = std::string("a\0b", 3); }},
      {"a block size of 3", [](auto& r) { r.block_size = 3; }},
  };
  for (const auto& [name, spoil] : rows) {
    ProbeRecord record = full_record();
    spoil(record);
    const auto bytes = encode_probe_reply(record);
    ASSERT_FALSE(bytes) << name;
    EXPECT_EQ(bytes.error().code, Errc::kProtocol) << name;
  }
  EXPECT_FALSE(encode_probe_reply(ProbeRefusal{.words = std::string(513, 'x')}));
}

TEST(ProbeRecord, RefusesSenselessBytesToo) {
  EXPECT_EQ(refusal_of(with_byte(encoded(ProbeRecord{}), 8, 1)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(encoded(ProbeRecord{}), 9, 1)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(encoded(full_record()), 10, 1)), Errc::kProtocol);
  EXPECT_EQ(refusal_of(with_byte(encoded(full_record()), 8, 0)), Errc::kProtocol);
}

}  // namespace
}  // namespace airlock::test
