// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/client.h"

#include <QDBusArgument>
#include <QDBusError>
#include <QDBusObjectPath>
#include <QDBusPendingCallWatcher>
#include <QXmlStreamReader>
#include <climits>
#include <utility>

namespace airlock::ui {
namespace {

using ManagedObjects = QMap<QDBusObjectPath, Interfaces>;

constexpr const char* kBus = "org.freedesktop.DBus";
constexpr const char* kBusPath = "/org/freedesktop/DBus";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kObjectManager = "org.freedesktop.DBus.ObjectManager";
constexpr int kLastRetry = 30'000;
// polkit may wait for a person to type, and a slow stick takes minutes: airlockd itself has the
// deadlines.
constexpr int kNoDeadline = INT_MAX;

// Leaves out the methods that every airlockd offers.
QSet<QString> extrasIn(const QString& introspection) {
  QSet<QString> found;
  QXmlStreamReader reader(introspection);
  bool ours = false;
  while (!reader.atEnd()) {
    reader.readNext();
    const QString name = reader.attributes().value(QLatin1String("name")).toString();
    if (reader.isStartElement() && reader.name() == QLatin1String("interface"))
      ours = name == QLatin1String(kVolume);
    if (ours && reader.isStartElement() && reader.name() == QLatin1String("method") &&
        (name == QLatin1String("Check") || name == QLatin1String("Repair")))
      found.insert(name);
  }
  return found;
}

}  // namespace

Client::Client(QObject* parent) : QObject(parent) {
  m_retry.setSingleShot(true);
  connect(&m_retry, &QTimer::timeout, this, &Client::connectToBus);
}

Client::~Client() {
  if (!m_busName.isEmpty()) QDBusConnection::disconnectFromBus(m_busName);
}

void Client::start() {
  QTimer::singleShot(0, this, &Client::connectToBus);
}

// A broken connection stays broken; each attempt makes a new one, with a name of its own.
void Client::connectToBus() {
  if (!m_busName.isEmpty()) QDBusConnection::disconnectFromBus(m_busName);
  m_busName = QStringLiteral("airlock-%1").arg(++m_generation);
  QDBusConnection bus = QDBusConnection::connectToBus(QDBusConnection::SystemBus, m_busName);
  m_connected = bus.isConnected();
  if (!m_connected) {
    m_retry.start(m_wait);
    m_wait = qMin(m_wait * 2, kLastRetry);
    return;
  }
  m_wait = kFirstRetry;
  listen(bus);
  askForOwner();
}

// Names no sender, because Qt would ask the bus for it and wait. isOurs() checks it instead.
void Client::listen(QDBusConnection& bus) {
  bus.connect(QString(), QStringLiteral("/org/freedesktop/DBus/Local"),
              QStringLiteral("org.freedesktop.DBus.Local"), QStringLiteral("Disconnected"), this,
              SLOT(onBusGone()));
  bus.connect(QString(), QLatin1String(kBusPath), QLatin1String(kBus),
              QStringLiteral("NameOwnerChanged"), {QLatin1String(kService)}, QString(), this,
              SLOT(onOwnerChanged(QDBusMessage)));
  bus.connect(QString(), QLatin1String(kManagerPath), QLatin1String(kObjectManager),
              QStringLiteral("InterfacesAdded"), this, SLOT(onInterfacesAdded(QDBusMessage)));
  bus.connect(QString(), QLatin1String(kManagerPath), QLatin1String(kObjectManager),
              QStringLiteral("InterfacesRemoved"), this, SLOT(onInterfacesRemoved(QDBusMessage)));
  // Filtered by interface, or every program of the system would wake this one.
  for (const char* interface : {kManager, kVolume, kJob})
    bus.connect(QString(), QString(), QLatin1String(kProperties),
                QStringLiteral("PropertiesChanged"), {QLatin1String(interface)}, QString(), this,
                SLOT(onPropertiesChanged(QDBusMessage)));
}

void Client::onBusGone() {
  // The message may belong to a connection that was already given up.
  if (!m_connected || QDBusConnection(m_busName).isConnected()) return;
  m_connected = false;
  setOwner(QString());
  setPresence(Presence::kNoBus);
  m_retry.start(m_wait);
}

void Client::askForOwner() {
  auto question =
      QDBusMessage::createMethodCall(QLatin1String(kBus), QLatin1String(kBusPath),
                                     QLatin1String(kBus), QStringLiteral("GetNameOwner"));
  question.setArguments({QLatin1String(kService)});
  send(question, [this](const Answer& answer) {
    setOwner(answer.ok() ? answer.values.value(0).toString() : QString());
  });
}

void Client::onOwnerChanged(const QDBusMessage& message) {
  if (message.service() != QLatin1String(kBus)) return;
  setOwner(message.arguments().value(2).toString());
}

void Client::setOwner(const QString& owner) {
  if (owner == m_owner && m_presence != Presence::kNoBus) return;
  m_owner = owner;
  m_settled = false;
  m_extrasAsked = false;
  if (owner.isEmpty()) {
    emit snapshot({});
    setPresence(m_connected ? Presence::kNoDaemon : Presence::kNoBus);
    return;
  }
  askForObjects();
  askForManager();
}

void Client::setPresence(Presence presence) {
  if (m_presence == presence) return;
  m_presence = presence;
  emit presenceChanged();
}

void Client::askForObjects() {
  auto question = QDBusMessage::createMethodCall(m_owner, QLatin1String(kManagerPath),
                                                 QLatin1String(kObjectManager),
                                                 QStringLiteral("GetManagedObjects"));
  send(question, [this, owner = m_owner](const Answer& answer) {
    if (owner != m_owner) return;
    if (!answer.ok() || answer.values.isEmpty()) return;
    const auto managed = qdbus_cast<ManagedObjects>(answer.values.constFirst());
    Objects objects;
    for (auto object = managed.begin(); object != managed.end(); ++object)
      objects.insert(object.key().path(), object.value());
    m_settled = true;
    emit snapshot(objects);
    setPresence(Presence::kPresent);
    for (auto object = objects.begin(); object != objects.end(); ++object)
      askForExtras(object.key(), object.value());
  });
}

void Client::askForManager() {
  auto question = QDBusMessage::createMethodCall(
      m_owner, QLatin1String(kManagerPath), QLatin1String(kProperties), QStringLiteral("GetAll"));
  question.setArguments({QLatin1String(kManager)});
  send(question, [this, owner = m_owner](const Answer& answer) {
    if (owner == m_owner && answer.ok() && !answer.values.isEmpty())
      emit managerChanged(qdbus_cast<QVariantMap>(answer.values.constFirst()));
  });
}

// The description is the same for all media, so any one will do.
void Client::askForExtras(const QString& path, const Interfaces& interfaces) {
  if (m_extrasAsked || !interfaces.contains(QLatin1String(kVolume))) return;
  m_extrasAsked = true;
  call(path, "org.freedesktop.DBus.Introspectable", QStringLiteral("Introspect"), {},
       [this, owner = m_owner](const Answer& answer) {
         if (owner != m_owner) return;
         m_extrasAsked = answer.ok();
         m_extras = extrasIn(answer.values.value(0).toString());
         emit extrasChanged();
       });
}

bool Client::isOurs(const QDBusMessage& message) const {
  return m_settled && !m_owner.isEmpty() && message.service() == m_owner;
}

void Client::onInterfacesAdded(const QDBusMessage& message) {
  if (!isOurs(message) || message.signature() != QLatin1String("oa{sa{sv}}")) return;
  const auto path = message.arguments().at(0).value<QDBusObjectPath>();
  const auto interfaces = qdbus_cast<Interfaces>(message.arguments().at(1));
  emit objectAdded(path.path(), interfaces);
  askForExtras(path.path(), interfaces);
}

void Client::onInterfacesRemoved(const QDBusMessage& message) {
  if (!isOurs(message) || message.signature() != QLatin1String("oas")) return;
  emit objectRemoved(message.arguments().at(0).value<QDBusObjectPath>().path(),
                     message.arguments().at(1).toStringList());
}

void Client::onPropertiesChanged(const QDBusMessage& message) {
  if (!isOurs(message) || message.signature() != QLatin1String("sa{sv}as")) return;
  const QString interface = message.arguments().at(0).toString();
  const auto properties = qdbus_cast<QVariantMap>(message.arguments().at(1));
  if (interface == QLatin1String(kManager))
    emit managerChanged(properties);
  else
    emit objectChanged(message.path(), interface, properties);
}

void Client::wake() {
  auto question =
      QDBusMessage::createMethodCall(QLatin1String(kBus), QLatin1String(kBusPath),
                                     QLatin1String(kBus), QStringLiteral("StartServiceByName"));
  question.setArguments({QLatin1String(kService), 0U});
  send(question, [](const Answer&) {});  // NameOwnerChanged reports success
}

void Client::call(const QString& path, const char* interface, const QString& method,
                  const QVariantList& arguments, Reply reply) {
  auto question = QDBusMessage::createMethodCall(QLatin1String(kService), path,
                                                 QLatin1String(interface), method);
  question.setAutoStartService(false);
  question.setInteractiveAuthorizationAllowed(true);
  question.setArguments(arguments);
  send(question, std::move(reply));
}

void Client::send(const QDBusMessage& message, Reply reply) {
  const auto pending = QDBusConnection(m_busName).asyncCall(message, kNoDeadline);
  auto* watcher = new QDBusPendingCallWatcher(pending, this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this,
          [reply = std::move(reply)](QDBusPendingCallWatcher* finished) {
            finished->deleteLater();
            const QDBusMessage answer = finished->reply();
            if (answer.type() == QDBusMessage::ErrorMessage)
              reply({{}, answer.errorName(), answer.errorMessage()});
            else
              reply({answer.arguments(), {}, {}});
          });
}

}  // namespace airlock::ui
