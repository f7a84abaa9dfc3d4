// SPDX-License-Identifier: GPL-2.0-or-later
#include "script.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

namespace airlock::test {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  fmt::print(stderr, "oprunner: {}\n", why);
  std::exit(2);
}

bool needs_escape(char letter) {
  return letter <= ' ' || letter == '%' || letter == '|' || letter >= '\x7f';
}

}  // namespace

std::string decode(std::string_view word) {
  if (word == "%") return {};
  std::string raw;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (word[at] != '%' || at + 2 >= word.size()) {
      raw += word[at];
      continue;
    }
    unsigned value = 0;
    std::from_chars(word.data() + at + 1, word.data() + at + 3, value, 16);
    raw += static_cast<char>(value);
    at += 2;
  }
  return raw;
}

std::string encode(std::string_view raw) {
  std::string word;
  for (const char letter : raw) {
    if (needs_escape(letter))
      word += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    else
      word += letter;
  }
  return word;
}

OpLine::OpLine(std::string_view line) {
  std::istringstream words{std::string(line)};
  for (std::string word; words >> word;) words_.push_back(decode(word));
}

const std::string& OpLine::text(std::size_t index) const {
  if (index >= words_.size()) refuse(fmt::format("{}: word {} is missing", name(), index));
  return words_[index];
}

std::int64_t OpLine::parse(std::size_t index, int base) const {
  const std::string& word = text(index);
  std::int64_t value = 0;
  const char* end = word.data() + word.size();
  if (auto [rest, error] = std::from_chars(word.data(), end, value, base);
      error != std::errc{} || rest != end)
    refuse(fmt::format("{}: {} is no number", name(), word));
  return value;
}

std::int64_t OpLine::number(std::size_t index) const {
  return parse(index, 10);
}

std::size_t OpLine::size(std::size_t index) const {
  return static_cast<std::size_t>(number(index));
}

unsigned OpLine::mode(std::size_t index) const {
  return static_cast<unsigned>(parse(index, 8));
}

}  // namespace airlock::test
