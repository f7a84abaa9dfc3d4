// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The op script: one operation per line, words separated by spaces, special bytes as %XX, an empty
// word as a lone %. opscript.py writes it.

namespace airlock::test {

std::string decode(std::string_view word);
std::string encode(std::string_view raw);

// One line of the script. A missing word or one that is not a number ends the program: the script
// is generated, so that is a bug in its generator and no result could be trusted.
class OpLine {
 public:
  explicit OpLine(std::string_view line);
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] const std::string& name() const { return words_.front(); }
  [[nodiscard]] const std::string& text(std::size_t index) const;
  [[nodiscard]] const char* path(std::size_t index) const { return text(index).c_str(); }
  [[nodiscard]] std::int64_t number(std::size_t index) const;
  [[nodiscard]] std::size_t size(std::size_t index) const;
  [[nodiscard]] unsigned mode(std::size_t index) const;  // octal

 private:
  [[nodiscard]] std::int64_t parse(std::size_t index, int base) const;

  std::vector<std::string> words_;
};

}  // namespace airlock::test
