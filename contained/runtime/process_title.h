// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace airlock {

// What ps, htop and systemctl show instead of the arguments from now on. The kernel reads it from
// where arguments and environment were, so it is cut to their room, `argv` means nothing afterwards
// and the environment is empty.
void set_process_title(char** argv, std::string_view title);

}  // namespace airlock
