// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>

namespace airlock::ui {

// The limit for another program's message about a failure.
inline constexpr qsizetype kLongestProblem = 500;

// Foreign text (labels, paths, log lines) in a form safe to show: characters that are invisible,
// turn the reading direction or break the line become escapes, and long text is cut. The result is
// plain text; every widget that gets it must be told so.
[[nodiscard]] QString visible(const QString& foreign, qsizetype longest = 120);

// The same for several lines: line ends and tabs stay.
[[nodiscard]] QString visibleLines(const QString& foreign);

// For menus and buttons, where an ampersand would mark a letter.
[[nodiscard]] QString withoutMnemonic(QString text);

}  // namespace airlock::ui
