// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>

#include "daemon/launch/driver_table.h"
#include "daemon/policy/decision.h"
#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// What is to be done about a medium, from nothing but the facts and the settings. Opens nothing,
// asks nobody, knows no time: the same facts always get the same answer. An unknown fact leads to
// the narrower one.
//
// Without a probe record the answer says whether to probe: not on Ignore, Wait and Refuse, in
// which case the medium must not be opened at all; Leave means go on.
// Somebody who asks gets Refuse where nobody asking gets Leave or Ignore.
Decision decide(const Settings& settings, const Facts& facts,
                std::span<const DriverRow> drivers = driver_table());

}  // namespace airlock
