// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/property_map.h"
#include "daemon/volumes/volume.h"

namespace airlock {

// The properties of org.airlock1.Volume. Foreign text is not changed, except that it is always
// UTF-8 without control characters: D-Bus and terminals need that.
PropertyMap volume_properties(const Volume& volume);

// The contents of LastCheck.
PropertyMap check_properties(const VolumeCheck& check);

// The properties of `now` that `before` lacks, or that differ from it.
PropertyMap changed_properties(const PropertyMap& before, const PropertyMap& now);

// Text from a medium, made fit to be shown in one line: a replacement character stands for
// everything that is not printable UTF-8.
std::string showable(std::string_view foreign);

}  // namespace airlock
