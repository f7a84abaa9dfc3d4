// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QColor>
#include <QIcon>
#include <QString>

namespace airlock::ui {

enum class Mood { kEmpty, kPlugged, kMounted, kBusy, kAttention };

inline constexpr int kBusyFrames = 8;

// From the theme, the first name found; empty if there is none.
[[nodiscard]] QIcon themed(const char* name, const char* otherName = nullptr);

// The icon for the tray: airlock-tray-busy and so on from the theme, else a drawing of this program
// in the given colour. Only kBusy has more than one frame.
[[nodiscard]] QIcon moodIcon(Mood mood, const QColor& ink, int frame = 0);

// For a medium in a list: the theme's icon for its kind, else a drawing of this program.
[[nodiscard]] QIcon mediumIcon(const QString& kind, const QColor& ink);

// The icon of the program.
[[nodiscard]] QIcon programIcon();

}  // namespace airlock::ui
