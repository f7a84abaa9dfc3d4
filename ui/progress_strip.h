// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ui/notice.h"
#include "ui/volume.h"

class QProgressBar;
class QPushButton;

namespace airlock::ui {

// What is being done with a medium, how far it is, and that it must stay plugged in meanwhile.
class ProgressStrip final : public Notice {
  Q_OBJECT

 public:
  explicit ProgressStrip(QWidget* parent = nullptr);

  // Hides itself when nothing is being done.
  void show(const Volume& volume);

 signals:
  void cancelWanted(const QString& job);
  void skipWanted(const QString& job);

 private:
  QProgressBar* m_bar;
  QPushButton* m_skip;
  QPushButton* m_cancel;
  QString m_job;
};

}  // namespace airlock::ui
