// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/people/authorization.h"
#include "daemon/policy/facts.h"
#include "daemon/volumes/volume.h"

namespace airlock {

// Facts that the table of methods needs: who owns the volume and where it is, from the caller's
// point of view.
AuthorizationFacts authorization_facts(const Volume& volume, const CallerFacts& caller);

// What polkit's rules and dialog see of the volume.
std::map<std::string, std::string> details_of(const Volume& volume,
                                              const std::string& mount_options);

// The processes that are in the way, for the end of a message: `bash (pid 12,
// "/run/media/u/STICK")`, and how many more.
std::string describe(const std::vector<BusyProcess>& users);

}  // namespace airlock
