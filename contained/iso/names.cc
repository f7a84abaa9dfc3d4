// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/names.h"

#include <span>

#include "contained/runtime/wide_text.h"

namespace airlock::iso {
namespace {

constexpr std::string_view kFirstVersion = ";1";

// No path can have a slash in a name. Some old programs wrote one.
char without_slash(char c) {
  return c == '/' ? '.' : c;
}

}  // namespace

std::string plain_name(std::string_view recorded) {
  std::string name(recorded.substr(0, recorded.find('\0')));
  if (name.ends_with(kFirstVersion)) {
    name.resize(name.size() - kFirstVersion.size());
    // The standard wants a dot also where nothing follows it.
    if (name.ends_with('.')) name.pop_back();
  }
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    c = c == ';' ? '.' : without_slash(c);
  }
  return name;
}

std::string joliet_name(std::string_view recorded) {
  std::string name;
  WideText characters(std::as_bytes(std::span(recorded)));
  while (const auto c = characters.next()) append_as_utf8(name, *c == '/' ? '.' : *c);
  if (name.size() > kFirstVersion.size() && name.ends_with(kFirstVersion))
    name.resize(name.size() - kFirstVersion.size());
  // Windows has no names that end like this, and neither has Linux on such a medium.
  while (name.size() > 1 && name.ends_with('.')) name.pop_back();
  return name;
}

}  // namespace airlock::iso
