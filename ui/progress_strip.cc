// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/progress_strip.h"

#include <QHBoxLayout>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/colors.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr int kSteps = 1000;

// Most jobs end at once; others can be stopped, or say that they cannot.
bool canBeCancelled(const Volume& volume) {
  return volume.job.has_value() && volume.job->path.startsWith(u'/');
}

}  // namespace

ProgressStrip::ProgressStrip(QWidget* parent)
    : Notice(kCaution, parent),
      m_bar(new QProgressBar(this)),
      m_skip(new QPushButton(tr("Mount &read-only now"), this)),
      m_cancel(new QPushButton(tr("Ca&ncel"), this)) {
  setObjectName(QStringLiteral("progress-strip"));
  m_bar->setTextVisible(false);
  m_bar->setAccessibleName(tr("Progress"));
  m_skip->setObjectName(QStringLiteral("skip"));
  m_skip->setToolTip(tr("Skips the check"));
  m_cancel->setObjectName(QStringLiteral("cancel"));
  auto* row = new QHBoxLayout;
  row->addWidget(m_bar, 1);
  row->addWidget(m_skip);
  row->addWidget(m_cancel);
  rows()->addLayout(row);
  connect(m_skip, &QPushButton::clicked, this, [this] { emit skipWanted(m_job); });
  connect(m_cancel, &QPushButton::clicked, this, [this] { emit cancelWanted(m_job); });
}

void ProgressStrip::show(const Volume& volume) {
  const double progress = volume.job ? volume.job->progress : -1;
  m_job = volume.job ? volume.job->path : QString();
  m_bar->setRange(0, progress < 0 ? 0 : kSteps);
  if (progress >= 0) m_bar->setValue(static_cast<int>(progress * kSteps));
  m_skip->setVisible(volume.job.has_value() && volume.job->canSkip);
  m_cancel->setVisible(canBeCancelled(volume));
  setSentence(progressSentence(volume));
}

}  // namespace airlock::ui
