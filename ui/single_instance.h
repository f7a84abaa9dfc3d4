// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QObject>
#include <QVariantMap>

namespace airlock::ui {

// One tray per session: whoever comes second asks the first to show its window, and leaves. It is
// the session bus that knows who was first; where there is none, everybody is. The question is the
// one desktops know (org.freedesktop.Application), so that the permission to come to the front,
// which a Wayland desktop gave to the second, goes over to the first.
class SingleInstance final : public QObject {
  Q_OBJECT
  Q_CLASSINFO("D-Bus Interface", "org.freedesktop.Application")

 public:
  enum class Manner { kShowWindow, kStayQuiet };

  explicit SingleInstance(QObject* parent = nullptr);

  // Answers with first() or, when the other one has been told, second().
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
