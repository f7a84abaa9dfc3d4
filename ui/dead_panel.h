// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ui/notice.h"
#include "ui/verbs.h"
#include "ui/volume.h"

class QPlainTextEdit;
class QPushButton;
class QToolButton;

namespace airlock::ui {

class VerbBar;

// The story of a dead mount: what happened, when, the loss, details on demand, and the actions
// possible now.
class DeadPanel final : public Notice {
  Q_OBJECT

 public:
  explicit DeadPanel(QWidget* parent = nullptr);

  // Hides itself when the volume is not dead.
  void show(const Volume& volume, const Surroundings& around);

 signals:
  void wanted(airlock::ui::Verb verb);

 private:
  void showDetails(bool shown);
  void copyDetails();

  QLabel* m_loss;
  QToolButton* m_more;
  QPushButton* m_copy;
  QPlainTextEdit* m_details;
  VerbBar* m_verbs;
};

}  // namespace airlock::ui
