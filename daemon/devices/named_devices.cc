// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/named_devices.h"

#include <sstream>

#include "daemon/system/mount_table.h"

namespace airlock {
namespace {

// UUID="..." may have quotes, which are not part of the value.
std::string without_quotes(std::string text) {
  const std::size_t begin = text.find('=') == std::string::npos ? 0 : text.find('=') + 1;
  const bool quoted = text.size() >= begin + 2 && (text[begin] == '"' || text[begin] == '\'') &&
                      text.back() == text[begin];
  if (!quoted) return text;
  text.pop_back();
  return text.erase(begin, 1);
}

}  // namespace

std::vector<std::string> named_devices(std::string_view table, NameColumn column) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word.starts_with('#')) continue;
    if (column == NameColumn::kSecond && !(words >> word)) continue;
    names.push_back(without_quotes(unescape_octal(word)));
  }
  return names;
}

}  // namespace airlock
