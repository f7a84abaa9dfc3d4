// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QColor>
#include <QIcon>
#include <QString>

namespace airlock::ui {

enum class Mood { kEmpty, kPlugged, kMounted, kBusy, kAttention };

inline constexpr int kBusyFrames = 8;

// From the theme, the first name it knows; empty if it knows none.
[[nodiscard]] QIcon themed(const char* name, const char* otherName = nullptr);

// The icon for the tray: from the theme as airlock-tray-busy and so on, else our own in the given
// colour. Only kBusy has more than one frame.
[[nodiscard]] QIcon moodIcon(Mood mood, const QColor& ink, int frame = 0);

// For a medium in a list: what the theme has for its kind, else our own.
[[nodiscard]] QIcon mediumIcon(const QString& kind, const QColor& ink);

// The program's own.
[[nodiscard]] QIcon programIcon();

}  // namespace airlock::ui
