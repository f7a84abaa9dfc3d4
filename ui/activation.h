// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>

namespace airlock::ui {

// Permission to come to the front: on Wayland a window gets the focus only with a token of the
// desktop, which the clicked program hands over. Qt takes it from the environment when it next
// activates a window.
[[nodiscard]] QString activationToken();
void useActivationToken(const QString& token);

}  // namespace airlock::ui
