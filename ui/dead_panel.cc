// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/dead_panel.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/colors.h"
#include "ui/report_view.h"
#include "ui/verb_bar.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr int kDetailsHeight = 130;

}  // namespace

DeadPanel::DeadPanel(QWidget* parent)
    : Notice(kAlarm, parent),
      m_loss(plainLabel(this)),
      m_more(new QToolButton(this)),
      m_copy(new QPushButton(tr("C&opy"), this)),
      m_details(reportView(tr("Details of the dead driver"), this)),
      m_verbs(new VerbBar({Verb::kRecoverReadOnly, Verb::kRecover, Verb::kDetach}, this)) {
  setObjectName(QStringLiteral("dead-panel"));
  m_more->setText(tr("Deta&ils"));
  m_more->setObjectName(QStringLiteral("details"));
  m_more->setCheckable(true);
  m_more->setAutoRaise(true);
  m_more->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_more->setFocusPolicy(Qt::StrongFocus);
  m_copy->setObjectName(QStringLiteral("copy-details"));
  m_copy->setAccessibleName(tr("Copy the details"));
  m_details->setFixedHeight(kDetailsHeight);
  auto* row = new QHBoxLayout;
  row->addWidget(m_verbs, 1);
  row->addWidget(m_more);
  row->addWidget(m_copy);
  rows()->addWidget(m_loss);
  rows()->addLayout(row);
  rows()->addWidget(m_details);
  connect(m_more, &QToolButton::toggled, this, &DeadPanel::showDetails);
  connect(m_copy, &QPushButton::clicked, this, &DeadPanel::copyDetails);
  connect(m_verbs, &VerbBar::wanted, this, &DeadPanel::wanted);
  showDetails(false);
}

void DeadPanel::show(const Volume& volume, const Surroundings& around) {
  if (volume.state != State::kDead) return setSentence({});
  setSentence(deathSentence(volume));
  const QString when =
      volume.death.when > 0 ? tr("%1.").arg(timeText(volume.death.when)) + u' ' : QString();
  m_loss->setText(when + deathLoss(volume));
  m_verbs->show(verbsFor(volume, around), nameOf(volume));
  const QString details = deathDetails(volume);
  if (m_details->toPlainText() != details) m_details->setPlainText(details);
}

void DeadPanel::showDetails(bool shown) {
  m_more->setArrowType(shown ? Qt::DownArrow : Qt::RightArrow);
  m_details->setVisible(shown);
  m_copy->setVisible(shown);
}

void DeadPanel::copyDetails() {
  QGuiApplication::clipboard()->setText(m_details->toPlainText());
}

}  // namespace airlock::ui
