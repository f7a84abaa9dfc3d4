// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QHash>
#include <QWidget>
#include <vector>

#include "ui/verbs.h"

class QPushButton;

namespace airlock::ui {

// A row of buttons, one per verb; impossible verbs are hidden.
class VerbBar final : public QWidget {
  Q_OBJECT

 public:
  explicit VerbBar(std::vector<Verb> all, QWidget* parent = nullptr);

  // `about` is the medium's name, for people who only hear the button.
  void show(const std::vector<Verb>& verbs, const QString& about);

 signals:
  void wanted(airlock::ui::Verb verb);

 private:
  QHash<int, QPushButton*> m_buttons;
};

}  // namespace airlock::ui
