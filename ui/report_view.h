// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

class QPlainTextEdit;
class QString;
class QWidget;

namespace airlock::ui {

// Lines to read and copy, in letters of one width. `name` is what a screen reader calls it.
[[nodiscard]] QPlainTextEdit* reportView(const QString& name, QWidget* parent);

}  // namespace airlock::ui
