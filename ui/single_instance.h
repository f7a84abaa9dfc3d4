// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QObject>
#include <QVariantMap>

namespace airlock::ui {

// One tray per session: a second one asks the first to show its window, and ends. The session bus
// decides which is first; without a bus, each one is. The request is the standard one of desktops
// (org.freedesktop.Application), so that the permission to come to the front, which a Wayland
// desktop gave to the second, passes to the first.
class SingleInstance final : public QObject {
  Q_OBJECT
  Q_CLASSINFO("D-Bus Interface", "org.freedesktop.Application")

 public:
  enum class Manner { kShowWindow, kStayQuiet };

  explicit SingleInstance(QObject* parent = nullptr);

  // Answers with first() or, once the other one has the request, second().
  void claim(Manner manner);

 signals:
  void first();
  void second();
  void activated();

 public slots:
  Q_SCRIPTABLE void Activate(const QVariantMap& platformData);

 private:
  void wakeTheOther(Manner manner);
};

}  // namespace airlock::ui
