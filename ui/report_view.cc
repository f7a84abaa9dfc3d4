// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/report_view.h"

#include <QFontDatabase>
#include <QPlainTextEdit>

namespace airlock::ui {

QPlainTextEdit* reportView(const QString& name, QWidget* parent) {
  auto* view = new QPlainTextEdit(parent);
  view->setReadOnly(true);
  view->setTabChangesFocus(true);
  view->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  view->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  view->setAccessibleName(name);
  return view;
}

}  // namespace airlock::ui
