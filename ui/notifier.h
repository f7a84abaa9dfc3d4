// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QHash>
#include <QObject>
#include <QStringList>

#include "ui/news.h"

namespace airlock::ui {

class Performer;
class Preferences;
class VolumeModel;

// Desktop notifications (org.freedesktop.Notifications): one per medium, replaced by its next event
// and never stacked, with buttons if the desktop shows them.
class Notifier final : public QObject {
  Q_OBJECT

 public:
  Notifier(VolumeModel& model, Performer& performer, const Preferences& preferences,
           QObject* parent = nullptr);

  void setSurroundings(const Surroundings& around) { m_around = around; }
  void setAutomount(const QString& automount) { m_automount = automount; }

 signals:
  void activated(const QString& path);  // a click on a notification; empty: on no particular medium
  void told(const QString& path, const airlock::ui::News& news);

 private slots:
  void onToken(uint id, const QString& token);
  void onAction(uint id, const QString& key);
  void onClosed(uint id, uint reason);

 private:
  struct Shown {
    uint id = 0;  // the desktop's number; 0 until it has answered
    Event event = Event::kMounted;
    quint64 number = 0;
  };

  void onChanged(const Volume& before, const Volume& now);
  void onGone(const Volume& last);
  void onDone(Verb verb, const Volume& volume);
  void onFailed(Verb verb, const Volume& volume, const QString& problem);
  void onSummary();
  void warnIfStillWriting(const QString& path);
  void tell(const QString& key, const News& news);
  void show(const QString& key, quint64 number, const News& news, const QStringList& abilities);
  void withdraw(const QString& key);
  [[nodiscard]] QString keyOf(uint id) const;

  VolumeModel& m_model;
  Performer& m_performer;
  const Preferences& m_preferences;
  Surroundings m_around;
  QString m_automount;
  QHash<QString, Shown> m_shown;  // by path; kWaitingKey for the waiting media
  quint64 m_numbers = 0;
  int m_waiting = 0;
};

}  // namespace airlock::ui
