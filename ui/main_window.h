// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QMainWindow>

#include "ui/client.h"
#include "ui/verbs.h"

class QAction;
class QLabel;
class QListView;
class QStackedWidget;

namespace airlock::ui {

class Notice;
class Performer;
class SortedVolumes;
class VolumeModel;
class VolumePanel;

// The list of media and all about the chosen one beside it: complete without a tray.
class MainWindow final : public QMainWindow {
  Q_OBJECT

 public:
  MainWindow(Client& client, VolumeModel& model, Performer& performer);

  // Brings the window to the front and chooses that medium if it exists.
  void present(const QString& path);
  void setSurroundings(const Surroundings& around);
  void setSettingsProblem(const QString& problem);

 signals:
  void settingsWanted();
  void quitWanted();
  void closed();
  // The window is visible now, so the free space is worth measuring.
  void shown();

 protected:
  void closeEvent(QCloseEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void makeMenus();
  QAction* addEntry(QMenu& menu, const QString& text, const QKeySequence& keys);
  void choose(const QString& path);
  void chooseSomething();
  void refresh();
  void refreshBanner();
  [[nodiscard]] QString chosen() const;
  void about();

  Client& m_client;
  VolumeModel& m_model;
  SortedVolumes* m_order;
  Notice* m_banner;
  QListView* m_list;
  QStackedWidget* m_right;
  QLabel* m_nothing;
  VolumePanel* m_panel;
  Surroundings m_around;
  QString m_settingsProblem;
};

}  // namespace airlock::ui
