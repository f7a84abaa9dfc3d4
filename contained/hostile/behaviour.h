// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace airlock::hostile {

// What the driver does when it is not attacking: ends in every way there is, stays, floods, and
// does what an honest driver does to show that the filter lets it. Started confined or not.

// What has to be made ready while that is still allowed.
void prepare_behaviour(std::string_view name);

// Returns the exit code, if it returns; -1 for a name it does not know.
int behave(std::string_view name);

// Tells the starter, over the control channel.
void report(std::string_view text);

}  // namespace airlock::hostile
