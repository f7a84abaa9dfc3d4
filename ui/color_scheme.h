// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QDBusMessage>
#include <QObject>
#include <QVariant>

namespace airlock::ui {

// Dark windows for people who prefer them (org.freedesktop.appearance, from the desktop's portal):
// Qt itself finds this out on few desktops. Changes nothing if windows are already dark, or drawn
// in a style of their own.
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
