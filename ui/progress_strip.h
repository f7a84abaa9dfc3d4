// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ui/notice.h"
#include "ui/volume.h"

class QProgressBar;
class QPushButton;

namespace airlock::ui {

// The running job of a medium, its progress, and the warning not to unplug it.
class ProgressStrip final : public Notice {
  Q_OBJECT

 public:
  explicit ProgressStrip(QWidget* parent = nullptr);

  // Hides itself if there is no job.
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
