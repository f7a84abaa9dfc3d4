// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QColor>
#include <QPalette>

namespace airlock::ui {

// Red for failures and amber for warnings, on any background.
inline const QColor kAlarm(0xda, 0x2b, 0x3a);
inline const QColor kCaution(0xd9, 0x8c, 0x10);

[[nodiscard]] inline bool isDark(const QPalette& palette) {
  constexpr int kMiddle = 128;
  return palette.color(QPalette::Window).lightness() < kMiddle;
}

// Readable as text.
[[nodiscard]] inline QColor alarmInk(const QPalette& palette) {
  return isDark(palette) ? QColor(0xff, 0x7b, 0x86) : QColor(0xb3, 0x14, 0x24);
}

[[nodiscard]] inline QColor cautionInk(const QPalette& palette) {
  return isDark(palette) ? QColor(0xf0, 0xb0, 0x50) : QColor(0x96, 0x5a, 0x00);
}

// A surface that is tinted, not loud.
[[nodiscard]] inline QColor tinted(const QPalette& palette, const QColor& color) {
  constexpr double kShare = 0.14;
  const QColor base = palette.color(QPalette::Window);
  const auto mix = [](int a, int b) { return static_cast<int>(a + (b - a) * kShare); };
  return {mix(base.red(), color.red()), mix(base.green(), color.green()),
          mix(base.blue(), color.blue())};
}

}  // namespace airlock::ui
