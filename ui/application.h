// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QObject>
#include <QTimer>

#include "ui/client.h"
#include "ui/color_scheme.h"
#include "ui/main_window.h"
#include "ui/notifier.h"
#include "ui/performer.h"
#include "ui/preferences.h"
#include "ui/settings_dialog.h"
#include "ui/sorted_volumes.h"
#include "ui/space_meter.h"
#include "ui/tray.h"
#include "ui/volume_menu.h"
#include "ui/volume_model.h"

namespace airlock::ui {

// Owns all objects and connects them; makes no decisions about media.
class Application final : public QObject {
  Q_OBJECT

 public:
  enum class Start { kWithWindow, kInTray };

  explicit Application(Start start);

  void begin();
  void presentWindow(const QString& path = {});

 private:
  void connectParts();
  void onManagerChanged(const QVariantMap& properties);
  void onPresence();
  void onExtras();
  void onWindowClosed();
  void showSettings();
  void openIfWanted(const Volume& before, const Volume& now);
  void measureSpace();
  [[nodiscard]] MainWindow& window();

  Start m_start;
  ColorScheme m_colors;
  Preferences m_preferences;
  Surroundings m_around;
  QString m_automount;
  QString m_settingsProblem;
  Client m_client;
  VolumeModel m_model;
  Performer m_performer;
  Notifier m_notifier;
  SpaceMeter m_meter;
  SortedVolumes m_order;
  VolumeMenu m_menu;
  Tray m_tray;
  QTimer m_measuring;                    // runs only while the window is visible
  std::unique_ptr<MainWindow> m_window;  // made on demand: most days it is not needed
  std::unique_ptr<SettingsDialog> m_settings;
};

}  // namespace airlock::ui
