// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// logind's names on the bus.
namespace airlock::logind {

inline constexpr auto kService = "org.freedesktop.login1";
inline constexpr auto kManagerPath = "/org/freedesktop/login1";
inline constexpr auto kManager = "org.freedesktop.login1.Manager";
inline constexpr auto kOwnerChanges =
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
    "member='NameOwnerChanged',arg0='org.freedesktop.login1'";

}  // namespace airlock::logind
