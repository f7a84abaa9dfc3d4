// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/facts_page.h"

#include <QGridLayout>
#include <QLabel>

#include "ui/notice.h"
#include "ui/visible_text.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr int kGap = 12;

struct FactsText {
  Q_DECLARE_TR_FUNCTIONS(FactsText)
};

QString conditionOf(const Volume& volume) {
  if (volume.condition == QLatin1String("clean")) return FactsText::tr("clean");
  if (volume.condition == QLatin1String("dirty"))
    return FactsText::tr("was not unmounted the last time");
  if (volume.condition == QLatin1String("hibernated"))
    return FactsText::tr("belongs to a hibernated system");
  if (volume.condition == QLatin1String("errors")) return FactsText::tr("has errors");
  return {};
}

QString sizeOf(const Volume& volume) {
  QString size = volume.size == 0 ? QString() : sizeText(volume.size);
  if (volume.writeProtected) size += FactsText::tr(", write-protected");
  return size;
}

}  // namespace

FactsPage::FactsPage(QWidget* parent)
    : QWidget(parent),
      m_lines(new QGridLayout(this)),
      m_mount(add(tr("Mounted on:"))),
      m_filesystem(add(tr("Filesystem:"))),
      m_condition(add(tr("Condition:"))),
      m_check(add(tr("Last check:"))),
      m_driver(add(tr("Driver:"))),
      m_since(add(tr("Mounted since:"))),
      m_size(add(tr("Size:"))),
      m_device(add(tr("Device:"))),
      m_drive(add(tr("Drive:"))),
      m_uuid(add(tr("UUID:"))),
      m_reason(add(tr("State:"))),
      m_rule(add(tr("Decided by:"))) {
  m_lines->setColumnStretch(1, 1);
  m_lines->setRowStretch(m_lines->rowCount(), 1);
  m_lines->setHorizontalSpacing(kGap);
}

QLabel* FactsPage::add(const QString& title) {
  auto* name = new QLabel(title, this);
  auto* value = plainLabel(this);
  const int row = m_lines->rowCount();
  m_lines->addWidget(name, row, 0, Qt::AlignRight | Qt::AlignTop);
  m_lines->addWidget(value, row, 1);
  m_titles.insert(value, name);
  return value;
}

void FactsPage::set(QLabel* value, const QString& text) {
  value->setText(text);
  value->setVisible(!text.isEmpty());
  value->setAccessibleName(m_titles.value(value)->text() + u' ' + text);
  m_titles.value(value)->setVisible(!text.isEmpty());
}

void FactsPage::show(const Volume& volume) {
  const bool alive = volume.state != State::kDead;
  set(m_mount, mountSentence(volume));
  set(m_filesystem, filesystemOf(volume));
  set(m_condition, conditionOf(volume));
  set(m_check, checkSentence(volume));
  set(m_driver, alive ? driverOf(volume) : QString());
  set(m_since,
      volume.mountedSince == 0 ? QString() : timeText(static_cast<qint64>(volume.mountedSince)));
  set(m_size, sizeOf(volume));
  set(m_device, QStringLiteral("%1, %2").arg(visible(volume.device), kindOf(volume)));
  set(m_drive, visible((volume.vendor + u' ' + volume.model).simplified()));
  set(m_uuid, visible(volume.uuid));
  const QString reason = visible(volume.stateReason, 400);
  set(m_reason, reason.isEmpty() ? stateWord(volume)
                                 : QStringLiteral("%1: %2").arg(stateWord(volume), reason));
  set(m_rule, visible(volume.decidedBy));
}

}  // namespace airlock::ui
