// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/volume_menu.h"

#include <QGuiApplication>
#include <QPalette>

#include "ui/icons.h"
#include "ui/performer.h"
#include "ui/sorted_volumes.h"
#include "ui/visible_text.h"
#include "ui/volume_model.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

// As many as fit on a screen; the window shows them all.
constexpr qsizetype kMostInMenu = 20;
constexpr int kSoon = 50;
constexpr qsizetype kLongestEntry = 40;

QIcon iconOf(const Volume& volume) {
  const QColor ink = QGuiApplication::palette().color(QPalette::WindowText);
  if (volume.state == State::kDead) return moodIcon(Mood::kAttention, ink);
  return mediumIcon(volume.kind, ink);
}

QString entryOf(const Volume& volume) {
  QString name = nameOf(volume);
  if (name.size() > kLongestEntry) name = name.left(kLongestEntry) + QChar(0x2026);
  return withoutMnemonic(QStringLiteral("%1 — %2").arg(name, stateWord(volume)));
}

}  // namespace

VolumeMenu::VolumeMenu(const VolumeModel& model, const SortedVolumes& order, Performer& performer)
    : m_model(model), m_order(order), m_performer(performer) {
  setObjectName(QStringLiteral("tray-menu"));
  setAccessibleName(tr("Airlock"));
  m_soon.setSingleShot(true);
  m_soon.setInterval(kSoon);
  connect(&m_soon, &QTimer::timeout, this, &VolumeMenu::rebuildLater);
  connect(&model, &VolumeModel::summaryChanged, this, [this] {
    if (!m_soon.isActive()) m_soon.start();
  });
  connect(this, &QMenu::aboutToHide, this, [this] { m_soon.start(); });
  rebuild();
}

void VolumeMenu::setSurroundings(const Surroundings& around) {
  m_around = around;
  m_soon.start();
}

// Not while the menu is open; aboutToHide comes back to it.
void VolumeMenu::rebuildLater() {
  if (!isVisible()) rebuild();
}

void VolumeMenu::rebuild() {
  clear();
  const QStringList paths = m_order.paths();
  for (const QString& path : paths.mid(0, kMostInMenu))
    if (const Volume* volume = m_model.find(path); volume != nullptr) addVolume(*volume);
  if (paths.isEmpty()) addAction(tr("Nothing is plugged in"))->setEnabled(false);
  if (const auto more = paths.size() - kMostInMenu; more > 0)
    connect(addAction(tr("%n more…", "", static_cast<int>(more))), &QAction::triggered, this,
            [this] { emit windowWanted({}); });
  addEnd();
}

void VolumeMenu::addVolume(const Volume& volume) {
  QMenu* menu = addMenu(iconOf(volume), entryOf(volume));
  QString sentence = sentenceFor(volume);
  menu->addAction(withoutMnemonic(sentence))->setEnabled(false);
  menu->addSeparator();
  for (const Verb verb : verbsFor(volume, m_around)) {
    QAction* action = menu->addAction(verbIcon(verb), verbText(verb));
    action->setObjectName(verbName(verb));
    connect(action, &QAction::triggered, this,
            [this, verb, path = volume.path] { m_performer.perform(verb, path); });
  }
  connect(menu->addAction(tr("De&tails")), &QAction::triggered, this,
          [this, path = volume.path] { emit windowWanted(path); });
}

void VolumeMenu::addEnd() {
  addSeparator();
  connect(addAction(tr("Show &window")), &QAction::triggered, this,
          [this] { emit windowWanted({}); });
  connect(addAction(tr("&Settings…")), &QAction::triggered, this, &VolumeMenu::settingsWanted);
  connect(addAction(tr("&Quit")), &QAction::triggered, this, &VolumeMenu::quitWanted);
}

}  // namespace airlock::ui
