// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <expected>
#include <string>

#include "daemon/launch/driver_table.h"
#include "daemon/policy/decision.h"
#include "daemon/policy/effective.h"
#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// How exactly to mount what may be mounted: options, owner, folder, and what the caller must be
// allowed. Pure. The other side is the refusal of a caller who wants more than there is. Needs a
// probed medium, and a caller unless the request is automatic.
std::expected<MountDecision, Decision> plan_mount(const EffectiveSettings& settings,
                                                  const Facts& facts, const DriverRow& driver);

Decision refuse(Errc code, std::string reason, const Origin& origin = {});

}  // namespace airlock
