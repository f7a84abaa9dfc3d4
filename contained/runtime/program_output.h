// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace airlock {

// The output of a program, within fixed bounds: its beginning and its end.
class ProgramOutput {
 public:
  static constexpr std::size_t kMostHead = 10'240;
  static constexpr std::size_t kMostTail = 5'120;
  // A program that has one task and writes more than this is killed.
  static constexpr std::uint64_t kMostWritten = std::uint64_t{64} << 20;

  void append(std::string_view text);
  [[nodiscard]] bool too_much() const { return written_ > kMostWritten; }
  // Lines without control characters; says where something was left out.
  [[nodiscard]] std::string text() const;

 private:
  std::string head_;
  std::string tail_;
  std::uint64_t written_ = 0;
};

}  // namespace airlock
