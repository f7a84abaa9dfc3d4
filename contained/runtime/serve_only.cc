// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "contained/runtime/confine.h"
#include "contained/runtime/confine_steps.h"

namespace airlock {
namespace {

constexpr std::array kNarrowing = {
#include "contained/runtime/narrowing_filter.inc"
};

}  // namespace

Result<void> serve_only() {
  return add_filter(kNarrowing);
}

}  // namespace airlock
