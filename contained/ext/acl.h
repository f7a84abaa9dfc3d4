// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "contained/runtime/outcome.h"

namespace airlock::ext {

// POSIX ACLs have one form on the medium (version 1, entries without an id are short) and another
// in the system calls (version 2, all entries alike). These turn one into the other and check the
// entries for their form, not whether together they make a valid ACL. EUCLEAN for a bad one from
// the medium, EINVAL for a bad one from a caller, EOPNOTSUPP for another version.
Outcome<std::vector<std::byte>> acl_from_disk(std::span<const std::byte> disk);
Outcome<std::vector<std::byte>> acl_to_disk(std::span<const std::byte> attribute);

}  // namespace airlock::ext
