// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace airlock::check {

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
