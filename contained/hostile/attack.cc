// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/hostile/attack.h"

#include <array>

namespace airlock::hostile {

std::span<const NamedAttack> attacks() {
  static constexpr auto kAttacks = std::to_array<NamedAttack>({
#define AIRLOCK_ATTACK(name, stopped_by) {#name, name, StoppedBy::stopped_by},
#include "contained/hostile/attacks.inc"
#undef AIRLOCK_ATTACK
  });
  return kAttacks;
}

}  // namespace airlock::hostile
