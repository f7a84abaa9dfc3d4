// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace airlock::check {

// The output of a checker, within fixed bounds: its beginning and its end.
class Output {
 public:
  static constexpr std::size_t kMostHead = 10'240;
  static constexpr std::size_t kMostTail = 5'120;
  // A checker that writes more than this is stopped.
  static constexpr std::uint64_t kMostWritten = std::uint64_t{64} << 20;

  void append(std::string_view text);
  [[nodiscard]] bool too_much() const { return written_ > kMostWritten; }
  // Lines without control characters; marks the place of an omission.
  [[nodiscard]] std::string text() const;

 private:
  std::string head_;
  std::string tail_;
  std::uint64_t written_ = 0;
};

// The progress of e2fsck from lines "PASS DONE OF NAME". Passes count alike, because their share of
// the work is unknown.
class ProgressLines {
 public:
  // Thousandths, if they grew.
  std::optional<std::uint32_t> append(std::string_view text);

 private:
  std::string line_;
  std::uint32_t done_ = 0;
};

}  // namespace airlock::check
