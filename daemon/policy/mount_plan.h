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

// Plans how to mount a medium that may be mounted: options, owner, folder, and the permissions that
// the caller needs. Pure. Returns a refusal if the caller wants more than can be granted. Needs a
// probed medium, and a caller unless the request is automatic.
std::expected<MountDecision, Decision> plan_mount(const EffectiveSettings& settings,
                                                  const Facts& facts, const DriverRow& driver);

Decision refuse(Errc code, std::string reason, const Origin& origin = {});

}  // namespace airlock
