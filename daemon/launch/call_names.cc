// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/call_names.h"

#include <algorithm>
#include <array>

namespace airlock {
namespace {

// Holds the text itself: a pointer to it would have to be relocated in every process.
struct CallName {
  short number;
  std::array<char, 32> text;
};

constexpr auto kNames = std::to_array<CallName>({
#include "daemon/launch/call_names.inc"
});

}  // namespace

std::string_view call_name(long number) {
  const auto* const found = std::ranges::find(kNames, number, &CallName::number);
  return found != kNames.end() ? found->text.data() : "";
}

}  // namespace airlock
