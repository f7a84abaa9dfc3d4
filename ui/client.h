// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QDBusConnection>
#include <QDBusMessage>
#include <QMap>
#include <QObject>
#include <QSet>
#include <QTimer>
#include <QVariantMap>
#include <functional>

namespace airlock::ui {

inline constexpr const char* kService = "org.airlock1";
inline constexpr const char* kManagerPath = "/org/airlock1";
inline constexpr const char* kManager = "org.airlock1.Manager";
inline constexpr const char* kVolume = "org.airlock1.Volume";
inline constexpr const char* kJob = "org.airlock1.Job";

using Interfaces = QMap<QString, QVariantMap>;  // of one object
using Objects = QMap<QString, Interfaces>;      // by path

struct Answer {
  QVariantList values;
  QString error;    // "org.airlock1.Error.Busy"; empty on success
  QString message;  // one sentence; foreign
  [[nodiscard]] bool ok() const { return error.isEmpty(); }
};
inline constexpr int kFirstRetry = 500;

using Reply = std::function<void(const Answer&)>;

// The client side of airlockd's objects. Nothing here blocks: every reply comes later, and none
// comes after the client is gone. The client survives that airlockd or the bus go away and come
// back; a fresh snapshot reports each return. Only signals of the owner of the name count: any
// program may send signals on the system bus.
class Client final : public QObject {
  Q_OBJECT

 public:
  enum class Presence { kNoBus, kNoDaemon, kPresent };
  Q_ENUM(Presence)

  explicit Client(QObject* parent = nullptr);
  ~Client() override;

  // Connects once the event loop runs, and keeps trying.
  void start();
  [[nodiscard]] Presence presence() const { return m_presence; }
  // The optional methods of the Volume interface in this airlockd, from its own description.
  [[nodiscard]] const QSet<QString>& extras() const { return m_extras; }

  // Has airlockd started if it is not running.
  void wake();
  void call(const QString& path, const char* interface, const QString& method,
            const QVariantList& arguments, Reply reply);

 signals:
  void presenceChanged();
  void extrasChanged();
  void snapshot(const airlock::ui::Objects& objects);
  void managerChanged(const QVariantMap& properties);
  void objectAdded(const QString& path, const airlock::ui::Interfaces& interfaces);
  void objectRemoved(const QString& path, const QStringList& interfaces);
  void objectChanged(const QString& path, const QString& interface, const QVariantMap& properties);

 private slots:
  void onBusGone();
  void onOwnerChanged(const QDBusMessage& message);
  void onInterfacesAdded(const QDBusMessage& message);
  void onInterfacesRemoved(const QDBusMessage& message);
  void onPropertiesChanged(const QDBusMessage& message);

 private:
  void connectToBus();
  void listen(QDBusConnection& bus);
  void askForOwner();
  void setOwner(const QString& owner);
  void setPresence(Presence presence);
  void askForObjects();
  void askForManager();
  void askForExtras(const QString& path, const Interfaces& interfaces);
  void send(const QDBusMessage& message, Reply reply);
  [[nodiscard]] bool isOurs(const QDBusMessage& message) const;

  QString m_busName;
  QString m_owner;  // unique name of airlockd; empty while there is none
  Presence m_presence = Presence::kNoBus;
  QSet<QString> m_extras;
  QTimer m_retry;
  bool m_connected = false;
  bool m_settled = false;  // the snapshot of this owner has arrived
  bool m_extrasAsked = false;
  int m_wait = kFirstRetry;  // before the next attempt to reach the bus; milliseconds
  quint64 m_generation = 0;
};

}  // namespace airlock::ui
