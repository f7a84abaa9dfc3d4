// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace airlock::ctl {

enum class Color { kPlain, kGreen, kYellow, kRed, kDim, kBold };

// Foreign text for a terminal: control characters, direction marks, invisible characters and broken
// UTF-8 become \x escapes, so that a label can neither move the cursor nor pretend to be something
// else. Unquoted, complete, and unchanged if shown again.
std::string shown(std::string_view text);

// At most that many columns; the last is "…" if the text was cut. The text must be the result of
// shown().
std::string shortened(std::string_view text, std::size_t columns);

// "32.0 GiB", "512 B".
std::string human_size(std::uint64_t bytes);

// "2026-11-20 14:03:07" in local time; "" for 0.
std::string human_time(std::uint64_t seconds_since_1970);

// Whether to use colour escapes: a terminal, NO_COLOR unset, TERM not "dumb".
bool wants_color(int descriptor);

std::string paint(std::string_view text, Color color, bool use_color);

// Columns as wide as their widest cell; the last is not padded. Width counts terminal columns, not
// bytes.
class Table {
 public:
  struct Cell {
    std::string text;
    Color color = Color::kPlain;
  };
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(bool use_color) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace airlock::ctl
