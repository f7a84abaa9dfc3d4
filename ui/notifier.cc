// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/notifier.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QTimer>
#include <QVariantMap>
#include <array>
#include <functional>
#include <utility>

#include "ui/activation.h"
#include "ui/performer.h"
#include "ui/preferences.h"
#include "ui/visible_text.h"
#include "ui/volume_model.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr const char* kName = "org.freedesktop.Notifications";
constexpr const char* kPath = "/org/freedesktop/Notifications";
constexpr const char* kWaitingKey = "waiting";
// Most sticks are unmounted before anyone could read the warning.
constexpr int kWorthWarning = 800;
constexpr std::array kAllVerbs = {Verb::kOpen,    Verb::kMount,           Verb::kMountReadOnly,
                                  Verb::kRecover, Verb::kRecoverReadOnly, Verb::kDetach,
                                  Verb::kUnmount, Verb::kEject,           Verb::kPowerOff};

void ask(const QString& method, const QVariantList& arguments, QObject* owner,
         std::function<void(const QVariantList&)> reply) {
  auto message = QDBusMessage::createMethodCall(QLatin1String(kName), QLatin1String(kPath),
                                                QLatin1String(kName), method);
  message.setArguments(arguments);
  auto* watcher =
      new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(message), owner);
  QObject::connect(watcher, &QDBusPendingCallWatcher::finished, owner,
                   [reply = std::move(reply)](QDBusPendingCallWatcher* finished) {
                     finished->deleteLater();
                     if (!finished->isError()) reply(finished->reply().arguments());
                   });
}

QString plainVerb(Verb verb) {
  return verbText(verb).remove(u'&');
}

QVariantMap hintsFor(const News& news) {
  return {{QStringLiteral("desktop-entry"), QStringLiteral("org.airlock1.Tray")},
          {QStringLiteral("category"), QStringLiteral("device")},
          {QStringLiteral("urgency"), QVariant::fromValue<uchar>(news.urgent ? 2 : 1)}};
}

}  // namespace

Notifier::Notifier(VolumeModel& model, Performer& performer, const Preferences& preferences,
                   QObject* parent)
    : QObject(parent), m_model(model), m_performer(performer), m_preferences(preferences) {
  connect(&model, &VolumeModel::volumeChanged, this, &Notifier::onChanged);
  connect(&model, &VolumeModel::volumeGone, this, &Notifier::onGone);
  connect(&model, &VolumeModel::summaryChanged, this, &Notifier::onSummary);
  connect(&performer, &Performer::done, this, &Notifier::onDone);
  connect(&performer, &Performer::failed, this, &Notifier::onFailed);
  auto bus = QDBusConnection::sessionBus();
  bus.connect(QString(), QLatin1String(kPath), QLatin1String(kName),
              QStringLiteral("ActivationToken"), this, SLOT(onToken(uint, QString)));
  bus.connect(QString(), QLatin1String(kPath), QLatin1String(kName),
              QStringLiteral("ActionInvoked"), this, SLOT(onAction(uint, QString)));
  bus.connect(QString(), QLatin1String(kPath), QLatin1String(kName),
              QStringLiteral("NotificationClosed"), this, SLOT(onClosed(uint, uint)));
}

void Notifier::onChanged(const Volume& before, const Volume& now) {
  const auto news = newsOf(before, now, m_around, m_automount);
  if (news) return tell(now.path, *news);
  if (isAlarming(before.uncontained) && !isAlarming(now.uncontained)) return withdraw(now.path);
  if (before.state == State::kUnmounting && now.state == State::kAvailable)
    return withdraw(now.path);
  if (now.state != State::kUnmounting || before.state == State::kUnmounting) return;
  QTimer::singleShot(kWorthWarning, this, [this, path = now.path] { warnIfStillWriting(path); });
}

void Notifier::warnIfStillWriting(const QString& path) {
  const Volume* volume = m_model.find(path);
  if (volume != nullptr && volume->state == State::kUnmounting) tell(path, stillWriting(*volume));
}

// Earlier news of a medium that left quietly are no longer true, except for the farewell.
void Notifier::onGone(const Volume& last) {
  if (const auto news = newsOfLeaving(last)) return tell(last.path, *news);
  const auto shown = m_shown.constFind(last.path);
  if (shown == m_shown.constEnd()) return;
  if (shown->event == Event::kMounted || shown->event == Event::kPlugged ||
      shown->event == Event::kCrashed || shown->event == Event::kHealed ||
      shown->event == Event::kUncontained)
    withdraw(last.path);
}

void Notifier::onDone(Verb verb, const Volume& volume) {
  if (verb != Verb::kEject && verb != Verb::kPowerOff) return;
  if (m_shown.value(volume.path).event == Event::kSafe && m_shown.contains(volume.path)) return;
  tell(volume.path, ejected(volume, m_model.volumes()));
}

void Notifier::onFailed(Verb verb, const Volume& volume, const QString& problem) {
  tell(volume.path, {.event = Event::kRefused,
                     .title = verbFailure(verb).arg(nameOf(volume)),
                     .text = problem.section(QStringLiteral(": "), 1),
                     .iconName = QStringLiteral("dialog-warning"),
                     .verbs = {}});
}

void Notifier::onSummary() {
  const int waiting = m_model.summary().waiting;
  if (waiting == std::exchange(m_waiting, waiting)) return;
  if (waiting == 0) return withdraw(QLatin1String(kWaitingKey));
  tell(QLatin1String(kWaitingKey),
       {.event = Event::kRefused,
        .title = tr("%n medium(s) wait(s) for you", "", waiting),
        .text = tr("New media are mounted when the screen is unlocked."),
        .iconName = QStringLiteral("system-lock-screen"),
        .verbs = {}});
}

void Notifier::tell(const QString& key, const News& news) {
  emit told(key, news);
  if (!m_preferences.notifications()) return;
  Shown& shown = m_shown[key];
  shown.event = news.event;
  shown.number = ++m_numbers;
  ask(QStringLiteral("GetCapabilities"), {}, this,
      [this, key, number = shown.number, news](const QVariantList& answer) {
        show(key, number, news, answer.value(0).toStringList());
      });
}

void Notifier::show(const QString& key, quint64 number, const News& news,
                    const QStringList& abilities) {
  const Shown shown = m_shown.value(key);
  if (shown.number != number) return;  // overtaken by something newer
  QStringList actions;
  if (abilities.contains(QStringLiteral("actions"))) {
    actions << QStringLiteral("default") << tr("Show");
    for (const Verb verb : news.verbs) actions << verbName(verb) << plainVerb(verb);
  }
  const bool markup = abilities.contains(QStringLiteral("body-markup"));
  const QString body = markup ? news.text.toHtmlEscaped() : news.text;
  ask(QStringLiteral("Notify"),
      {QStringLiteral("Airlock"), shown.id, news.iconName, news.title, body, actions,
       hintsFor(news), -1},
      this, [this, key](const QVariantList& answer) {
        if (m_shown.contains(key)) m_shown[key].id = answer.value(0).toUInt();
      });
}

void Notifier::withdraw(const QString& key) {
  const Shown shown = m_shown.take(key);
  if (shown.id != 0) ask(QStringLiteral("CloseNotification"), {shown.id}, this, [](const auto&) {});
}

QString Notifier::keyOf(uint id) const {
  for (auto shown = m_shown.begin(); shown != m_shown.end(); ++shown)
    if (shown->id == id && id != 0) return shown.key();
  return {};
}

// Arrives before the action it belongs to.
void Notifier::onToken(uint id, const QString& token) {
  if (!keyOf(id).isEmpty()) useActivationToken(token);
}

void Notifier::onAction(uint id, const QString& action) {
  const QString key = keyOf(id);
  if (key.isEmpty()) return;
  for (const Verb verb : kAllVerbs)
    if (verbName(verb) == action) return m_performer.perform(verb, key);
  emit activated(key == QLatin1String(kWaitingKey) ? QString() : key);
}

void Notifier::onClosed(uint id, uint) {
  const QString key = keyOf(id);
  if (!key.isEmpty()) m_shown[key].id = 0;
}

}  // namespace airlock::ui
