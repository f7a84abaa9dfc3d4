// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <optional>
#include <string_view>

#include "contained/runtime/wide_text.h"
#include "contained/udf/tag.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kLongestExtension = 6;  // with its dot

// Character by character. The first byte says how many bits each one has; 254 and 255 are those
// of names that were deleted.
class Characters {
 public:
  explicit Characters(std::span<const std::byte> recorded) {
    if (recorded.empty()) return;
    const auto bits = std::to_integer<unsigned>(recorded[0]);
    if (bits == 16 || bits == 255) wide_ = WideText(recorded.subspan(1));
    if (bits == 8 || bits == 254) narrow_ = recorded.subspan(1);
  }

  std::optional<char32_t> next() {
    if (narrow_.empty()) return wide_.next();
    const auto c = std::to_integer<char32_t>(narrow_[0]);
    narrow_ = narrow_.subspan(1);
    return c;
  }

 private:
  WideText wide_{{}};
  std::span<const std::byte> narrow_;
};

constexpr bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

// "long name.txt" to "long n#1A2B.txt".
std::string marked(std::string name, std::span<const std::byte> recorded) {
  const std::string mark = fmt::format("#{:04X}", crc_of(recorded.subspan(1)));
  std::string extension;
  const auto dot = name.rfind('.');
  if (dot != std::string::npos && dot != 0 && name.size() - dot <= kLongestExtension) {
    extension = name.substr(dot);
    name.resize(dot);
  }
  std::size_t end = std::min(name.size(), NAME_MAX - mark.size() - extension.size());
  while (end > 0 && end < name.size() && !begins_character(name[end])) --end;
  return name.substr(0, end) + mark + extension;
}

enum ComponentType : std::uint8_t { kRoot = 1, kTop = 2, kParent = 3, kCurrent = 4, kName = 5 };
constexpr std::size_t kComponentHeader = 4;

}  // namespace

std::string name_of(std::span<const std::byte> recorded) {
  std::string name;
  bool is_changed = false;
  Characters characters(recorded);
  while (const auto c = characters.next()) {
    const bool is_usable = *c != 0 && *c != '/';
    is_changed = is_changed || !is_usable;
    append_as_utf8(name, is_usable ? *c : '_');
  }
  if (name == "." || name == "..") is_changed = true;
  if (name.size() > NAME_MAX || is_changed) return marked(std::move(name), recorded);
  return name;
}

std::string target_of(std::span<const std::byte> components) {
  std::string target;
  const auto append = [&](std::string_view part) {
    if (!target.empty() && !target.ends_with('/')) target += '/';
    target += part;
  };
  while (!components.empty()) {
    if (components.size() < kComponentHeader) return {};
    const auto length = std::to_integer<std::size_t>(components[1]);
    if (components.size() - kComponentHeader < length) return {};
    const auto identifier = components.subspan(kComponentHeader, length);
    switch (std::to_integer<std::uint8_t>(components[0])) {
      case kRoot:
        // With an identifier it is on another volume.
        if (length != 0) return {};
        [[fallthrough]];
      case kTop:
        target.assign(1, '/');
        break;
      case kParent:
        append("..");
        break;
      case kCurrent:
        append(".");
        break;
      case kName: {
        const std::string name = name_of(identifier);
        if (name.empty()) return {};
        append(name);
        break;
      }
      default:
        return {};
    }
    components = components.subspan(kComponentHeader + length);
  }
  return target;
}

}  // namespace airlock::udf
