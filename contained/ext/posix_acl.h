// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "contained/runtime/outcome.h"

// What a POSIX access control list says about the mode of its file and the other way round. The
// lists are in the form of the system.posix_acl_* attributes. EINVAL for one that is none.
namespace airlock::ext {

inline constexpr std::string_view kAccessAcl = "system.posix_acl_access";
inline constexpr std::string_view kDefaultAcl = "system.posix_acl_default";

struct AclMode {
  mode_t permissions = 0;  // the nine bits the list amounts to
  bool says_more = false;  // it names users or groups, or has a mask
};
Outcome<AclMode> mode_of_acl(std::span<const std::byte> acl);

// Changes the list to what chmod makes of it.
Outcome<void> apply_mode(std::vector<std::byte>& acl, mode_t mode);

// A new file's list from its directory's default one, and the mode that remains of `mode`.
Outcome<mode_t> inherit(std::vector<std::byte>& acl, mode_t mode);

}  // namespace airlock::ext
