// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace airlock::udf {

// A name in the compressed Unicode of OSTA, as UTF-8. Half a character becomes U+FFFD, and what no
// path can have an underscore. A name that is changed by that, or cut because it is too long for a
// path, gets a checksum of what is recorded. Empty if it can't be read.
std::string name_of(std::span<const std::byte> recorded);

// The target of a symbolic link, from the components of its path (ECMA-167, 4/14.16); empty if
// they can't be read.
std::string target_of(std::span<const std::byte> components);

}  // namespace airlock::udf
