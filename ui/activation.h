// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>

namespace airlock::ui {

// Leave to come to the front: on Wayland a window gets the focus only with a token of the desktop,
// which whoever was clicked on hands over. Qt takes it from the environment when a window is
// activated next.
[[nodiscard]] QString activationToken();
void useActivationToken(const QString& token);

}  // namespace airlock::ui
