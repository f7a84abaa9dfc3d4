// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace airlock {

// The name of a system call of this processor; empty if it has no name or is too new.
std::string_view call_name(long number);

}  // namespace airlock
