// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>

namespace airlock::ui {

// What this person prefers, kept in their own settings. What Airlock does for everybody is set in
// airlock.toml and asked of airlockd.
class Preferences {
 public:
  [[nodiscard]] bool notifications() const;
  void setNotifications(bool on);
  [[nodiscard]] bool openAfterMount() const;
  void setOpenAfterMount(bool on);

  // Whether the tray comes with the session: a file below ~/.config/autostart decides if there is
  // one, else what the system has.
  [[nodiscard]] bool autostart() const;
  // False if the file could not be written.
  [[nodiscard]] bool setAutostart(bool on);
};

}  // namespace airlock::ui
