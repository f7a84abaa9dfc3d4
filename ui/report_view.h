// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

class QPlainTextEdit;
class QString;
class QWidget;

namespace airlock::ui {

// Lines to read and copy, in a monospaced font. `name` is the name for a screen reader.
[[nodiscard]] QPlainTextEdit* reportView(const QString& name, QWidget* parent);

}  // namespace airlock::ui
