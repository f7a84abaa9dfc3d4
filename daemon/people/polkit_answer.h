// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <string>

#include "daemon/people/authority.h"
#include "lib/base/error.h"

namespace airlock {

// Converts arguments and results of polkit's CheckAuthorization. No effects.

using PolkitSubject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
using PolkitResult = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;

PolkitSubject polkit_subject(const std::string& sender);

// Foreign text in a form that D-Bus can carry and a person can read: unchanged if harmless, else as
// quote() writes it.
std::string clean_detail(const std::string& text);

// Success only if polkit says yes; else Errc::kNotPermitted and the reason.
Result<void> polkit_decision(const Authority::Question& question, const PolkitResult& answer);

// What a failed call means for the caller: always Errc::kNotPermitted.
Result<void> polkit_failure(const Authority::Question& question, const sdbus::Error& error);

// Without polkit, only root may.
Result<void> decision_without_polkit(const Authority::Question& question, uid_t caller);

}  // namespace airlock
