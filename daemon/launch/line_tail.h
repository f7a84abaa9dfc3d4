// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace airlock {

// The last lines that a process wrote, within fixed bounds however much it writes: what is kept of
// a worker's standard error for its obituary. The text is foreign; quote() it before showing it.
class LineTail {
 public:
  static constexpr std::size_t kMaximumLines = 64;
  static constexpr std::size_t kMaximumBytes = 8192;
  static constexpr std::size_t kMaximumLineLength = 1024;  // the rest of a longer line is dropped

  void append(std::string_view text);

  // Whole lines without their ends, oldest first; text after the last newline is not yet a line.
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

  // Accepts an unfinished line as it is, once nothing more can come.
  void finish();

 private:
  void end_line();

  std::deque<std::string> lines_;
  std::string unfinished_;
  std::size_t bytes_ = 0;  // of lines_, ends not counted
};

}  // namespace airlock
