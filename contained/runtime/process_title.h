// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace airlock {

// Sets the text that ps, htop and systemctl show instead of the arguments. The kernel reads it from
// where arguments and environment were, so it is cut to their room, `argv` means nothing afterwards
// and the environment is empty.
void set_process_title(char** argv, std::string_view title);

}  // namespace airlock
