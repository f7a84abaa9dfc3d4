// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QObject>

#include "ui/client.h"
#include "ui/verbs.h"

namespace airlock::ui {

class VolumeModel;

// Performs the requests of a person and reports failures. Results reach the model through
// airlockd's signals; only errors come back here.
class Performer final : public QObject {
  Q_OBJECT

 public:
  Performer(Client& client, VolumeModel& model, QObject* parent = nullptr);

  void perform(Verb verb, const QString& path);
  void cancelJob(const QString& path);
  void skipJob(const QString& path);

 signals:
  void done(airlock::ui::Verb verb, const airlock::ui::Volume& volume);
  // The problem is one or two plain sentences, and also kept in the model.
  void failed(airlock::ui::Verb verb, const airlock::ui::Volume& volume, const QString& problem);

 private:
  void tellJob(const QString& path, const QString& method);
  void open(const Volume& volume);
  void finish(Verb verb, const Volume& asked, const Answer& answer);
  void explainBusy(Verb verb, const Volume& asked, const QString& message);
  void fail(Verb verb, const Volume& asked, const QString& message);

  Client& m_client;
  VolumeModel& m_model;
};

}  // namespace airlock::ui
