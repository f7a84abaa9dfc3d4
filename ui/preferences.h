// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>

namespace airlock::ui {

// The preferences of this person, in their own settings. Settings for everybody are in airlock.toml
// and come from airlockd.
class Preferences {
 public:
  [[nodiscard]] bool notifications() const;
  void setNotifications(bool on);
  [[nodiscard]] bool openAfterMount() const;
  void setOpenAfterMount(bool on);

  // Whether the tray starts with the session: a file below ~/.config/autostart decides if it
  // exists, else the system's.
  [[nodiscard]] bool autostart() const;
  // False if the file could not be written.
  [[nodiscard]] bool setAutostart(bool on);
};

}  // namespace airlock::ui
