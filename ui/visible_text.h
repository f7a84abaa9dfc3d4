// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>

namespace airlock::ui {

// Of what another program says about a failure.
inline constexpr qsizetype kLongestProblem = 500;

// Foreign text (labels, paths, log lines) as it may be shown: what has no form of its own, turns
// the reading direction or breaks the line is written as an escape, and what is too long is cut.
// The result is plain text; every widget that gets it must be told so.
[[nodiscard]] QString visible(const QString& foreign, qsizetype longest = 120);

// The same for several lines: line ends and tabs stay.
[[nodiscard]] QString visibleLines(const QString& foreign);

// For menus and buttons, where an ampersand would mark a letter.
[[nodiscard]] QString withoutMnemonic(QString text);

}  // namespace airlock::ui
