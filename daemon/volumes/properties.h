// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/property_map.h"
#include "daemon/volumes/volume.h"

namespace airlock {

// The properties of org.airlock1.Volume. Foreign text goes out as it is, but always as UTF-8
// without control characters, which D-Bus and a terminal could not stand.
PropertyMap volume_properties(const Volume& volume);

// What LastCheck says.
PropertyMap check_properties(const VolumeCheck& check);

// Those of `now` that `before` has not, or has otherwise.
PropertyMap changed_properties(const PropertyMap& before, const PropertyMap& now);

// Text that came from a medium, fit to be shown in one line: what is no printable UTF-8 becomes a
// replacement character.
std::string showable(std::string_view foreign);

}  // namespace airlock
