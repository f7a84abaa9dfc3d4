// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QDBusMessage>
#include <QObject>
#include <QVariant>

namespace airlock::ui {

// Dark windows where the person wants them dark (org.freedesktop.appearance, asked of the desktop's
// portal): Qt itself finds that out on few desktops. Where windows are dark already, or drawn in a
// style of its own, nothing is changed.
class ColorScheme final : public QObject {
  Q_OBJECT

 public:
  explicit ColorScheme(QObject* parent = nullptr);

 private slots:
  void onSettingChanged(const QDBusMessage& signal);

 private:
  void ask();
  void use(const QVariant& wish);

  bool m_darkened = false;
};

}  // namespace airlock::ui
