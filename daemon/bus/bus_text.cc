// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_text.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace airlock {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

struct Form {
  unsigned char mask, lead;
  std::size_t length;
  std::uint32_t smallest;
};
constexpr std::array kForms = {Form{0x80, 0x00, 1, 0x1}, Form{0xe0, 0xc0, 2, 0x80},
                               Form{0xf0, 0xe0, 3, 0x800}, Form{0xf8, 0xf0, 4, 0x10000}};

// sd-bus refuses more than D-Bus itself does: surrogates, and the noncharacters, which some
// versions of the specification allow.
bool is_character(std::uint32_t code) {
  if (code > 0x10ffff || (code & 0xfffff800) == 0xd800) return false;
  return (code & 0xfffe) != 0xfffe && (code < 0xfdd0 || code > 0xfdef);
}

// The length of the well-formed character at the start, 0 if there is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (const Form& form : kForms) {
    if ((byte(0) & form.mask) != form.lead) continue;
    if (text.size() < form.length) return 0;
    std::uint32_t code = byte(0) & static_cast<unsigned char>(~form.mask);
    for (std::size_t i = 1; i < form.length; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return 0;
      code = code << 6 | (byte(i) & 0x3fu);
    }
    return code >= form.smallest && is_character(code) ? form.length : 0;
  }
  return 0;
}

std::string path_element(std::string_view id) {
  std::string element;
  for (const char c : id) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain)
      element += c;
    else
      element += fmt::format("_{:02x}", static_cast<unsigned char>(c));
  }
  return element.empty() ? "_" : element;
}

}  // namespace

std::string bus_text(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    valid += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(length > 0 ? length : 1);
  }
  return valid;
}

std::string volume_path(std::string_view id) {
  return fmt::format("{}/volumes/{}", kManagerPath, path_element(id));
}

std::string job_path(std::string_view id) {
  return fmt::format("{}/jobs/{}", kManagerPath, path_element(id));
}

}  // namespace airlock
