// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lib/base/log.h"

namespace airlock {

// An input, read from front to back; it never ends: zeroes follow it.
class FuzzInput {
 public:
  explicit FuzzInput(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  // Little-endian, of that many bytes.
  std::uint64_t number(unsigned width) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i) value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }
  std::span<const std::uint8_t> bytes(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  // One of the existing names, or a new one.
  std::string name() {
    static constexpr std::array kNames = {"d",     "inner", "small", "file",
                                          "holes", "far",   "many",  "name-005-xxxxxxxxxxx",
                                          "short", "long",  "pipe",  "disk"};
    const std::uint8_t which = byte();
    if (which < kNames.size()) return kNames[which];
    if (which < 250) return "new" + std::to_string(which % 8);
    return std::string(which == 250 ? 255 : which - 200, 'n');
  }

 private:
  std::span<const std::uint8_t> rest_;
};

// A driver would log nothing but the damage.
inline void say_nothing() {
  static const bool once = [] {
    log_open("fuzz", static_cast<LogLevel>(-1));
    return true;
  }();
  (void)once;
}

}  // namespace airlock
