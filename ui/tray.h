// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QColor>
#include <QDBusServiceWatcher>
#include <QObject>
#include <QSystemTrayIcon>
#include <QTimer>
#include <memory>

#include "ui/icons.h"
#include "ui/volume_model.h"

class QMenu;

namespace airlock::ui {

[[nodiscard]] Mood moodOf(const VolumeModel::Summary& summary);

// The colour of icons on the panel of these desktops, in the names of XDG_CURRENT_DESKTOP: the ink
// of windows, except for GNOME, whose bar is dark whatever the windows are.
[[nodiscard]] QColor inkOfThePanel(const QString& desktops, const QColor& inkOfWindows);

// Icon and tooltip, from the model's summary. Qt decides once and for good how to show an icon, so
// the icon is not made before a panel that shows icons exists, which may be long after the start.
class Tray final : public QObject {
  Q_OBJECT

 public:
  Tray(const VolumeModel& model, QMenu& menu, QObject* parent = nullptr);
  ~Tray() override;

  [[nodiscard]] bool isThere() const { return m_icon != nullptr && m_hasHost; }
  [[nodiscard]] Mood mood() const { return m_mood; }

  // For the application: other colours need another drawing.
  bool eventFilter(QObject* watched, QEvent* event) override;

 signals:
  void clicked();
  void appeared();

 private:
  void askForHost();
  void onHost();
  void onHostGone();
  void makeIcon();
  void onActivated(QSystemTrayIcon::ActivationReason reason);
  void refresh();
  void showFrame();

  const VolumeModel& m_model;
  QMenu& m_menu;
  QDBusServiceWatcher m_hosts;
  QTimer m_patience;
  QTimer m_animation;  // runs only while a medium is busy
  std::unique_ptr<QSystemTrayIcon> m_icon;
  Mood m_mood = Mood::kEmpty;
  int m_frame = 0;
  bool m_hasHost = false;
};

}  // namespace airlock::ui
