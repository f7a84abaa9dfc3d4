// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/volume_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QScrollArea>
#include <QTabWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/colors.h"
#include "ui/dead_panel.h"
#include "ui/facts_page.h"
#include "ui/icons.h"
#include "ui/notice.h"
#include "ui/performer.h"
#include "ui/progress_strip.h"
#include "ui/report_page.h"
#include "ui/space_bar.h"
#include "ui/verb_bar.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr int kPanelIcon = 48;
constexpr int kPanelGap = 12;
constexpr double kLarger = 1.4;

}  // namespace

VolumePanel::VolumePanel(Client& client, Performer& performer, QWidget* parent)
    : QWidget(parent),
      m_performer(performer),
      m_icon(new QLabel(this)),
      m_name(plainLabel(this)),
      m_kind(plainLabel(this)),
      m_dead(new DeadPanel(this)),
      m_progress(new ProgressStrip(this)),
      m_problem(new Notice(kCaution, this)),
      m_space(new SpaceBar(this)),
      m_verbs(
          new VerbBar({Verb::kOpen, Verb::kMount, Verb::kMountReadOnly, Verb::kUnmount,
                       Verb::kEject, Verb::kPowerOff, Verb::kCheck, Verb::kRepair, Verb::kDetach},
                      this)),
      m_pages(new QTabWidget(this)),
      m_facts(new FactsPage(this)),
      m_log(new ReportPage(client,
                           {.method = QStringLiteral("GetLog"),
                            .title = tr("What the driver said"),
                            .nothing = tr("The driver has said nothing.")},
                           this)),
      m_containment(new ReportPage(client,
                                   {.method = QStringLiteral("GetContainment"),
                                    .title = tr("What the driver can and cannot do"),
                                    .nothing = tr("Nothing is known about it.")},
                                   this)) {
  m_problem->setObjectName(QStringLiteral("problem"));
  layOut();
  connect(m_dead, &DeadPanel::wanted, this, &VolumePanel::perform);
  connect(m_verbs, &VerbBar::wanted, this, &VolumePanel::perform);
  connect(m_progress, &ProgressStrip::cancelWanted, &m_performer, &Performer::cancelJob);
  connect(m_progress, &ProgressStrip::skipWanted, &m_performer, &Performer::skipJob);
}

void VolumePanel::layOut() {
  QFont large = font();
  large.setPointSizeF(large.pointSizeF() * kLarger);
  large.setBold(true);
  m_name->setFont(large);
  m_name->setObjectName(QStringLiteral("volume-name"));
  auto* titles = new QVBoxLayout;
  titles->setSpacing(2);
  titles->addWidget(m_name);
  titles->addWidget(m_kind);
  auto* header = new QHBoxLayout;
  header->setSpacing(kPanelGap);
  header->addWidget(m_icon);
  header->addLayout(titles, 1);

  auto* scrolled = new QScrollArea(this);
  scrolled->setWidget(m_facts);
  scrolled->setWidgetResizable(true);
  scrolled->setFrameShape(QFrame::NoFrame);
  scrolled->setAccessibleName(tr("Details of the medium"));
  m_pages->addTab(scrolled, tr("A&bout"));
  m_pages->addTab(m_containment, tr("Con&tainment"));
  m_pages->addTab(m_log, tr("&Log"));
  m_pages->setAccessibleName(tr("More about the medium"));

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(kPanelGap, kPanelGap, kPanelGap, kPanelGap);
  column->setSpacing(kPanelGap);
  column->addLayout(header);
  for (QWidget* part :
       std::initializer_list<QWidget*>{m_dead, m_progress, m_problem, m_space, m_verbs})
    column->addWidget(part);
  column->addWidget(m_pages, 1);
}

void VolumePanel::show(const Volume& volume, const Surroundings& around) {
  m_path = volume.path;
  const bool dead = volume.state == State::kDead;
  const QColor ink = palette().color(QPalette::WindowText);
  m_icon->setPixmap((dead ? moodIcon(Mood::kAttention, ink) : mediumIcon(volume.kind, ink))
                        .pixmap(kPanelIcon, kPanelIcon));
  m_name->setText(nameOf(volume));
  QStringList kind = {kindOf(volume)};
  if (volume.size > 0) kind << sizeText(volume.size);
  if (!volume.type.isEmpty()) kind << filesystemOf(volume);
  kind << stateWord(volume);
  m_kind->setText(kind.join(QStringLiteral(" · ")));
  m_dead->show(volume, around);
  m_progress->show(volume);
  m_problem->setSentence(isBusy(volume) ? QString() : volume.problem);
  m_space->show(volume);
  const std::vector<Verb> verbs = dead ? std::vector<Verb>() : verbsFor(volume, around);
  m_verbs->show(verbs, nameOf(volume));
  m_verbs->setVisible(!verbs.empty());
  m_facts->show(volume);
  m_log->show(volume);
  m_containment->show(volume);
}

void VolumePanel::perform(Verb verb) {
  m_performer.perform(verb, m_path);
}

}  // namespace airlock::ui
