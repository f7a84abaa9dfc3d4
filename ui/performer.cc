// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/performer.h"

#include <QDBusArgument>
#include <QDesktopServices>
#include <QUrl>

#include "ui/visible_text.h"
#include "ui/volume_model.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr qsizetype kMostUsers = 4;

// "editor (42), shell (43)", from an answer of type a(uss).
QStringList usersIn(const QVariant& value) {
  QStringList users;
  if (value.metaType() != QMetaType::fromType<QDBusArgument>()) return users;
  const auto list = value.value<QDBusArgument>();
  if (list.currentSignature() != QLatin1String("a(uss)")) return users;
  list.beginArray();
  while (!list.atEnd()) {
    uint pid = 0;
    QString name;
    QString path;
    list.beginStructure();
    list >> pid >> name >> path;
    list.endStructure();
    users << QStringLiteral("%1 (%2)").arg(visible(name)).arg(pid);
  }
  list.endArray();
  return users;
}

}  // namespace

Performer::Performer(Client& client, VolumeModel& model, QObject* parent)
    : QObject(parent), m_client(client), m_model(model) {}

void Performer::perform(Verb verb, const QString& path) {
  const Volume* found = m_model.find(path);
  if (found == nullptr || isBusy(*found)) return;
  const Volume asked = *found;
  if (verb == Verb::kOpen) return open(asked);
  const VerbCall call = callFor(verb);
  m_model.setProblem(path, QString());
  m_model.setPending(path, true);
  m_client.call(path, kVolume, call.method, call.arguments,
                [this, verb, asked](const Answer& answer) { finish(verb, asked, answer); });
}

void Performer::cancelJob(const QString& path) {
  tellJob(path, QStringLiteral("Cancel"));
}

void Performer::skipJob(const QString& path) {
  tellJob(path, QStringLiteral("Skip"));
}

void Performer::tellJob(const QString& path, const QString& method) {
  m_client.call(path, kJob, method, {QVariantMap()}, [this, path](const Answer& answer) {
    if (answer.ok()) return;
    for (const Volume& volume : std::vector<Volume>(m_model.volumes()))
      if (volume.job && volume.job->path == path)
        m_model.setProblem(volume.path, visible(answer.message, kLongestProblem));
  });
}

void Performer::open(const Volume& volume) {
  if (!volume.mountPoint.startsWith(u'/')) return;
  if (QDesktopServices::openUrl(QUrl::fromLocalFile(volume.mountPoint))) return;
  fail(Verb::kOpen, volume, tr("No file manager could be started."));
}

void Performer::finish(Verb verb, const Volume& asked, const Answer& answer) {
  m_model.setPending(asked.path, false);
  if (answer.ok()) {
    emit done(verb, asked);
    return;
  }
  if (answer.error == QLatin1String("org.airlock1.Error.Busy"))
    return explainBusy(verb, asked, answer.message);
  if (answer.error == QLatin1String("org.freedesktop.DBus.Error.ServiceUnknown") ||
      answer.error == QLatin1String("org.freedesktop.DBus.Error.NoReply"))
    return fail(verb, asked, tr("Airlock's service stopped meanwhile."));
  fail(verb, asked, answer.message);
}

void Performer::explainBusy(Verb verb, const Volume& asked, const QString& message) {
  m_client.call(asked.path, kVolume, QStringLiteral("GetUsers"), {},
                [this, verb, asked, message](const Answer& answer) {
                  QStringList users = usersIn(answer.values.value(0));
                  if (users.isEmpty()) return fail(verb, asked, message);
                  if (users.size() > kMostUsers) users = users.mid(0, kMostUsers) << QChar(0x2026);
                  fail(verb, asked,
                       tr("It is in use by %1. Close that first.").arg(users.join(tr(", "))));
                });
}

void Performer::fail(Verb verb, const Volume& asked, const QString& message) {
  const QString problem = verbFailure(verb).arg(nameOf(asked)) + QStringLiteral(": ") +
                          visible(message, kLongestProblem);
  m_model.setProblem(asked.path, problem);
  emit failed(verb, asked, problem);
}

}  // namespace airlock::ui
