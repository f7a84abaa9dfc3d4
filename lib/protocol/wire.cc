// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/wire.h"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <utility>

#include "lib/base/byte_view.h"

namespace airlock {
namespace {

class Writer {
 public:
  explicit Writer(Magic magic) { put(std::to_underlying(magic)); }

  template <std::unsigned_integral T>
  Writer& put(T value) {
    for (std::size_t left = sizeof(T); left-- > 0;)
      bytes_.push_back(static_cast<std::byte>(value >> (8 * left)));
    return *this;
  }

  // The receiver ends the string at the first NUL, so nothing after one may be sent.
  Writer& put_text(std::string_view text) {
    for (const char letter : text.substr(0, text.find('\0')))
      bytes_.push_back(static_cast<std::byte>(letter));
    bytes_.push_back(std::byte{0});
    return *this;
  }

  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Reads fields from the front; remembers whether any of them was missing. Only finished() tells
// whether the values may be used.
class Reader {
 public:
  explicit Reader(ByteSpan bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  Reader& get(T& value) {
    const std::optional<T> loaded = load_be<T>(rest_, 0);
    good_ = good_ && loaded.has_value();
    if (!good_) return *this;
    value = *loaded;
    rest_ = rest_.subspan(sizeof(T));
    return *this;
  }

  Reader& expect(Magic magic) {
    std::uint32_t found = 0;
    get(found);
    good_ = good_ && found == std::to_underlying(magic);
    return *this;
  }

  // At least one byte, and then the NUL that ends the packet.
  Reader& get_text(std::string& text) {
    good_ = good_ && rest_.size() >= 2 && rest_.back() == std::byte{0};
    if (!good_) return *this;
    text = up_to_nul(rest_);
    rest_ = {};
    return *this;
  }

  [[nodiscard]] bool finished() const { return good_ && rest_.empty(); }

 private:
  static std::string up_to_nul(ByteSpan bytes) {
    const auto end = std::ranges::find(bytes, std::byte{0});
    std::string text(static_cast<std::size_t>(end - bytes.begin()), '\0');
    std::ranges::transform(bytes.begin(), end, text.begin(), std::to_integer<char>);
    return text;
  }

  ByteSpan rest_;
  bool good_ = true;
};

template <typename Packet>
std::optional<Packet> if_finished(const Reader& reader, Packet packet) {
  if (!reader.finished()) return std::nullopt;
  return packet;
}

std::optional<OpenPacket> decode_open(ByteSpan bytes, Magic magic, OpenTarget target) {
  OpenPacket packet{.target = target};
  Reader reader(bytes);
  reader.expect(magic)
      .get(packet.open_flags)
      .get(packet.create_mode)
      .get(packet.request_flags)
      .get(packet.block_size)
      .get_text(packet.path);
  return if_finished(reader, std::move(packet));
}

std::optional<MountPointPacket> decode_mount_point(ByteSpan bytes) {
  MountPointPacket packet;
  Reader reader(bytes);
  reader.expect(Magic::kMountPoint)
      .get(packet.expected_type)
      .get(packet.padding)
      .get_text(packet.path);
  return if_finished(reader, std::move(packet));
}

template <typename Packet>
std::optional<Packet> decode_text(ByteSpan bytes, Magic magic) {
  Packet packet;
  Reader reader(bytes);
  reader.expect(magic).get_text(packet.text);
  return if_finished(reader, std::move(packet));
}

template <typename Packet>
std::optional<Packet> decode_number(ByteSpan bytes, Magic magic, std::uint32_t Packet::* number) {
  Packet packet;
  Reader reader(bytes);
  reader.expect(magic).get(packet.*number);
  return if_finished(reader, packet);
}

template <typename Packet>
Command or_malformed(std::optional<Packet> packet, Magic magic) {
  if (!packet) return MalformedPacket{magic};
  return *std::move(packet);
}

}  // namespace

Bytes encode(const HelloPacket& packet) {
  return Writer(Magic::kHello)
      .put(packet.lowest_version)
      .put(packet.highest_version)
      .put(packet.flags)
      .take();
}

Bytes encode(const HelloReplyPacket& packet) {
  return Writer(Magic::kHelloReply).put(packet.version).put(packet.padding).take();
}

Bytes encode(const FilePacket& packet) {
  return Writer(Magic::kFile).put(packet.error).put_text(packet.path).take();
}

Bytes encode(const ReplyPacket& packet) {
  return Writer(Magic::kReply).put(packet.error).take();
}

Bytes encode(const OpenPacket& packet) {
  const Magic magic =
      packet.target == OpenTarget::kBlockDevice ? Magic::kOpenBlockDevice : Magic::kOpen;
  return Writer(magic)
      .put(packet.open_flags)
      .put(packet.create_mode)
      .put(packet.request_flags)
      .put(packet.block_size)
      .put_text(packet.path)
      .take();
}

Bytes encode(const TypePacket& packet) {
  return Writer(Magic::kType).put(packet.flags).take();
}

Bytes encode(const SourcePacket& packet) {
  return Writer(Magic::kSource).put_text(packet.text).take();
}

Bytes encode(const OptionsPacket& packet) {
  return Writer(Magic::kOptions).put_text(packet.text).take();
}

Bytes encode(const MountTablePacket& packet) {
  return Writer(Magic::kMountTable).put_text(packet.text).take();
}

Bytes encode(const MountPointPacket& packet) {
  return Writer(Magic::kMountPoint)
      .put(packet.expected_type)
      .put(packet.padding)
      .put_text(packet.path)
      .take();
}

Bytes encode(const MountPacket& packet) {
  return Writer(Magic::kMount).put(packet.flags).take();
}

Bytes encode(const ByePacket& packet) {
  return Writer(Magic::kBye).put(packet.code).take();
}

std::optional<HelloPacket> decode_hello(ByteSpan bytes) {
  HelloPacket packet;
  Reader reader(bytes);
  reader.expect(Magic::kHello)
      .get(packet.lowest_version)
      .get(packet.highest_version)
      .get(packet.flags);
  return if_finished(reader, packet);
}

std::optional<HelloReplyPacket> decode_hello_reply(ByteSpan bytes) {
  HelloReplyPacket packet;
  Reader reader(bytes);
  reader.expect(Magic::kHelloReply).get(packet.version).get(packet.padding);
  return if_finished(reader, packet);
}

std::optional<ReplyPacket> decode_reply(ByteSpan bytes) {
  return decode_number(bytes, Magic::kReply, &ReplyPacket::error);
}

std::optional<FilePacket> decode_file(ByteSpan bytes, std::string_view expected_path) {
  if (load_be<std::uint32_t>(bytes, 0) != std::to_underlying(Magic::kFile)) return std::nullopt;
  const std::optional<std::uint32_t> error = load_be<std::uint32_t>(bytes, 4);
  if (!error) return std::nullopt;
  FilePacket packet{.error = *error, .path = std::string(expected_path)};
  const Bytes expected = encode(packet);
  const ByteSpan without_nul = ByteSpan(expected).first(expected.size() - 1);
  if (!std::ranges::equal(bytes, expected) && !std::ranges::equal(bytes, without_nul))
    return std::nullopt;
  return packet;
}

std::optional<Command> decode_command(ByteSpan bytes) {
  if (bytes.size() > kMaxCommandSize) return std::nullopt;
  const std::optional<std::uint32_t> number = load_be<std::uint32_t>(bytes, 0);
  if (!number) return std::nullopt;
  const auto magic = static_cast<Magic>(*number);
  switch (magic) {
    case Magic::kOpen:
      return or_malformed(decode_open(bytes, magic, OpenTarget::kAnyFile), magic);
    case Magic::kOpenBlockDevice:
      return or_malformed(decode_open(bytes, magic, OpenTarget::kBlockDevice), magic);
    case Magic::kType:
      return or_malformed(decode_number(bytes, magic, &TypePacket::flags), magic);
    case Magic::kSource:
      return or_malformed(decode_text<SourcePacket>(bytes, magic), magic);
    case Magic::kOptions:
      return or_malformed(decode_text<OptionsPacket>(bytes, magic), magic);
    case Magic::kMountPoint:
      return or_malformed(decode_mount_point(bytes), magic);
    case Magic::kMountTable:
      return or_malformed(decode_text<MountTablePacket>(bytes, magic), magic);
    case Magic::kMount:
      return or_malformed(decode_number(bytes, magic, &MountPacket::flags), magic);
    case Magic::kBye:
      return or_malformed(decode_number(bytes, magic, &ByePacket::code), magic);
    case Magic::kHello:
    case Magic::kHelloReply:
    case Magic::kFile:
    case Magic::kReply:
      break;
  }
  return std::nullopt;
}

std::string magic_name(Magic magic) {
  std::string name;
  for (const unsigned shift : {24u, 16u, 8u, 0u})
    name.push_back(static_cast<char>(std::to_underlying(magic) >> shift & 0xffu));
  return name;
}

}  // namespace airlock
