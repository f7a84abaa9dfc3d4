// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>

#include "daemon/launch/driver_table.h"
#include "daemon/policy/decision.h"
#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// Decides what to do about a medium, from the facts and the settings alone. It opens nothing, asks
// nobody and does not depend on time: the same facts always get the same answer. An unknown fact
// leads to the narrower one.
//
// Without a probe record the answer says whether to probe. On Ignore, Wait and Refuse the medium
// must not be opened at all; Leave means continue. A caller gets Refuse where an automatic request
// gets Leave or Ignore.
Decision decide(const Settings& settings, const Facts& facts,
                std::span<const DriverRow> drivers = driver_table());

}  // namespace airlock
