// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/single_instance.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>

#include "ui/activation.h"

namespace airlock::ui {
namespace {

constexpr const char* kName = "org.airlock1.Tray";
constexpr const char* kPath = "/org/airlock1/Tray";
constexpr const char* kApplication = "org.freedesktop.Application";
constexpr const char* kToken = "activation-token";
constexpr uint kDoNotQueue = 4;
constexpr uint kExists = 3;

}  // namespace

SingleInstance::SingleInstance(QObject* parent) : QObject(parent) {
  QDBusConnection::sessionBus().registerObject(QLatin1String(kPath), this,
                                               QDBusConnection::ExportScriptableSlots);
}

void SingleInstance::claim(Manner manner) {
  auto question = QDBusMessage::createMethodCall(
      QStringLiteral("org.freedesktop.DBus"), QStringLiteral("/org/freedesktop/DBus"),
      QStringLiteral("org.freedesktop.DBus"), QStringLiteral("RequestName"));
  question.setArguments({QLatin1String(kName), kDoNotQueue});
  auto* watcher =
      new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(question), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher, manner] {
    watcher->deleteLater();
    const QDBusPendingReply<uint> reply = *watcher;
    if (reply.isValid() && reply.value() == kExists) return wakeTheOther(manner);
    emit first();
  });
}

void SingleInstance::wakeTheOther(Manner manner) {
  if (manner == Manner::kStayQuiet) {
    emit second();
    return;
  }
  auto order =
      QDBusMessage::createMethodCall(QLatin1String(kName), QLatin1String(kPath),
                                     QLatin1String(kApplication), QStringLiteral("Activate"));
  QVariantMap platformData;
  if (const QString token = activationToken(); !token.isEmpty())
    platformData.insert(QLatin1String(kToken), token);
  order.setArguments({platformData});
  auto* watcher = new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(order), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, &SingleInstance::second);
}

void SingleInstance::Activate(const QVariantMap& platformData) {
  useActivationToken(platformData.value(QLatin1String(kToken)).toString());
  emit activated();
}

}  // namespace airlock::ui
