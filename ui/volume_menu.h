// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QMenu>
#include <QTimer>

#include "ui/verbs.h"

namespace airlock::ui {

class Performer;
class SortedVolumes;
class VolumeModel;

// The menu of the tray: a function of the model, rebuilt when the model has changed and the menu is
// closed. One submenu per medium with its possible actions.
class VolumeMenu final : public QMenu {
  Q_OBJECT

 public:
  VolumeMenu(const VolumeModel& model, const SortedVolumes& order, Performer& performer);

  void setSurroundings(const Surroundings& around);
  // At once, instead of in the event loop.
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
