// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QMenu>
#include <QTimer>

#include "ui/verbs.h"

namespace airlock::ui {

class Performer;
class SortedVolumes;
class VolumeModel;

// The menu of the tray: a function of the model, made anew when that has changed and nobody is
// looking. One submenu per medium with what can be done with it.
class VolumeMenu final : public QMenu {
  Q_OBJECT

 public:
  VolumeMenu(const VolumeModel& model, const SortedVolumes& order, Performer& performer);

  void setSurroundings(const Surroundings& around);
  // Now, instead of when the event loop comes round to it.
  void rebuild();

 signals:
  void windowWanted(const QString& path);  // empty: no particular medium
  void settingsWanted();
  void quitWanted();

 private:
  void rebuildLater();
  void addVolume(const Volume& volume);
  void addEnd();

  const VolumeModel& m_model;
  const SortedVolumes& m_order;
  Performer& m_performer;
  Surroundings m_around;
  QTimer m_soon;
};

}  // namespace airlock::ui
