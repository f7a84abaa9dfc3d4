// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <string>

#include "daemon/people/authority.h"
#include "lib/base/error.h"

namespace airlock {

// What polkit's CheckAuthorization takes and gives, as ours. No effects.

using PolkitSubject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
using PolkitResult = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;

PolkitSubject polkit_subject(const std::string& sender);

// Text of others as D-Bus can carry it and a person can read it: as it is where that is
// harmless, as quote() writes it otherwise.
std::string clean_detail(const std::string& text);

// Success only if polkit says yes; else Errc::kNotPermitted and why.
Result<void> polkit_decision(const Authority::Question& question, const PolkitResult& answer);

// What the failure of the call means for the caller: Errc::kNotPermitted always.
Result<void> polkit_failure(const Authority::Question& question, const sdbus::Error& error);

// Where there is no polkit, only root may.
Result<void> decision_without_polkit(const Authority::Question& question, uid_t caller);

}  // namespace airlock
