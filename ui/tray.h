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

// What an icon is drawn in on a panel of these desktops, as XDG_CURRENT_DESKTOP names them: in the
// ink of windows, but for GNOME, whose bar is dark whatever windows are.
[[nodiscard]] QColor inkOfThePanel(const QString& desktops, const QColor& inkOfWindows);

// Icon and tooltip, as the model's summary says. It appears when there is something to show it,
// which may be long after we have started: Qt decides once and for good how to show an icon, so it
// is not asked before somebody who shows icons is there.
class Tray final : public QObject {
  Q_OBJECT

 public:
  Tray(const VolumeModel& model, QMenu& menu, QObject* parent = nullptr);
  ~Tray() override;

  [[nodiscard]] bool isThere() const { return m_icon != nullptr && m_hasHost; }
  [[nodiscard]] Mood mood() const { return m_mood; }

  // Of the application: other colours need another drawing.
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
  QTimer m_animation;  // runs only while something is busy
  std::unique_ptr<QSystemTrayIcon> m_icon;
  Mood m_mood = Mood::kEmpty;
  int m_frame = 0;
  bool m_hasHost = false;
};

}  // namespace airlock::ui
