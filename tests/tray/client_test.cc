// SPDX-License-Identifier: GPL-2.0-or-later
// The client with real objects on a real bus, provided by bus_demo.
#include <signal.h>

#include <QDBusConnection>
#include <QDBusMessage>
#include <QFile>
#include <QProcess>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <memory>

#include "tests/tray/volumes.h"
#include "ui/feed.h"
#include "ui/performer.h"
#include "ui/volume_model.h"

namespace airlock::ui {
namespace {

constexpr int kDeadline = 60'000;  // ends a test that would wait for ever
constexpr const char* kConfiguration =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\""
    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
    "<busconfig><type>custom</type><listen>unix:path=%1</listen><auth>EXTERNAL</auth>"
    "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
    "<allow send_destination=\"*\"/><allow receive_type=\"method_call\"/>"
    "<allow receive_type=\"method_return\"/><allow receive_type=\"error\"/>"
    "<allow receive_type=\"signal\"/></policy></busconfig>";

void end(std::unique_ptr<QProcess>& process) {
  if (!process) return;
  process->kill();
  process->waitForFinished();
  process.reset();
}

}  // namespace

class ClientTest : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase();
  void init();
  void cleanup();
  void mediaAppearChangeAndGo();
  void airlockdGoesAndComesBack();
  void theBusGoesAndComesBack();
  void signalsOfStrangersDoNotCount();
  void aRefusalIsKeptWithTheMedium();
  void aStoppedAirlockdHoldsNothingUp();
  void airlockdWithoutCheckHasNoExtras();

 private:
  void startBus();
  void startDemo();
  void tell(const QByteArray& line);
  [[nodiscard]] State stateOf(const QString& id) const;

  std::unique_ptr<QTemporaryDir> m_folder;
  std::unique_ptr<QProcess> m_bus;
  std::unique_ptr<QProcess> m_demo;
  std::unique_ptr<VolumeModel> m_model;
  std::unique_ptr<Client> m_client;
};

void ClientTest::startBus() {
  m_bus = std::make_unique<QProcess>();
  m_bus->start("dbus-daemon", {"--nofork", "--nopidfile", "--nosyslog", "--print-address=1",
                               "--config-file=" + m_folder->filePath("bus.conf")});
  QVERIFY(m_bus->waitForReadyRead(kDeadline));
}

void ClientTest::startDemo() {
  m_demo = std::make_unique<QProcess>();
  m_demo->start(BUS_DEMO, {m_folder->path()});
  QVERIFY(m_demo->waitForReadyRead(kDeadline));
  QCOMPARE(m_demo->readAllStandardOutput(), QByteArray("ready\n"));
}

void ClientTest::tell(const QByteArray& line) {
  m_demo->write(line + '\n');
  QByteArray answer;
  while (!answer.endsWith("ok\n")) {
    QVERIFY(m_demo->waitForReadyRead(kDeadline));
    answer += m_demo->readAllStandardOutput();
  }
}

// One bus for all tests: libdbus reads the address only once.
void ClientTest::initTestCase() {
  m_folder = std::make_unique<QTemporaryDir>();
  QFile file(m_folder->filePath("bus.conf"));
  QVERIFY(file.open(QIODevice::WriteOnly));
  file.write(QString(kConfiguration).arg(m_folder->filePath("bus")).toLatin1());
  file.close();
  qputenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + m_folder->filePath("bus")).toLatin1());
}

void ClientTest::init() {
  startBus();
  startDemo();
  m_model = std::make_unique<VolumeModel>();
  m_client = std::make_unique<Client>();
  feed(*m_client, *m_model);
  m_client->start();
  QTRY_COMPARE_WITH_TIMEOUT(m_client->presence(), Client::Presence::kPresent, kDeadline);
}

void ClientTest::cleanup() {
  m_client.reset();
  m_model.reset();
  end(m_demo);
  end(m_bus);
}

State ClientTest::stateOf(const QString& id) const {
  const Volume* volume = m_model->find(volumePath(id));
  return volume == nullptr ? State::kUnknown : volume->state;
}

void ClientTest::mediaAppearChangeAndGo() {
  tell("add sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(stateOf("sdb1"), State::kAvailable, kDeadline);
  tell("set sdb1 Label s HOLIDAY");
  tell("set sdb1 State s dead");
  tell("set sdb1 Death death 11");
  QTRY_COMPARE_WITH_TIMEOUT(stateOf("sdb1"), State::kDead, kDeadline);
  QTRY_COMPARE_WITH_TIMEOUT(m_model->find(volumePath("sdb1"))->death.signal, qint64{11}, kDeadline);
  QCOMPARE(m_model->find(volumePath("sdb1"))->label, QStringLiteral("HOLIDAY"));
  tell("addjob 4");
  QTRY_VERIFY_WITH_TIMEOUT(m_model->find(volumePath("sdb1"))->job, kDeadline);
  tell("removejob 4");
  QTRY_VERIFY_WITH_TIMEOUT(!m_model->find(volumePath("sdb1"))->job, kDeadline);
  tell("remove sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(m_model->rowCount(), 0, kDeadline);
}

void ClientTest::airlockdGoesAndComesBack() {
  tell("add sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(m_model->rowCount(), 1, kDeadline);
  end(m_demo);
  QTRY_COMPARE_WITH_TIMEOUT(m_client->presence(), Client::Presence::kNoDaemon, kDeadline);
  QCOMPARE(m_model->rowCount(), 0);
  startDemo();
  QTRY_COMPARE_WITH_TIMEOUT(m_client->presence(), Client::Presence::kPresent, kDeadline);
  tell("add sdc1");
  QTRY_COMPARE_WITH_TIMEOUT(stateOf("sdc1"), State::kAvailable, kDeadline);
}

void ClientTest::theBusGoesAndComesBack() {
  end(m_bus);
  QTRY_COMPARE_WITH_TIMEOUT(m_client->presence(), Client::Presence::kNoBus, kDeadline);
  end(m_demo);
  startBus();
  startDemo();
  tell("add sdd1");
  QTRY_COMPARE_WITH_TIMEOUT(m_client->presence(), Client::Presence::kPresent, kDeadline);
  QTRY_COMPARE_WITH_TIMEOUT(stateOf("sdd1"), State::kAvailable, kDeadline);
}

void ClientTest::signalsOfStrangersDoNotCount() {
  tell("add sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(m_model->rowCount(), 1, kDeadline);
  auto stranger = QDBusConnection::connectToBus(QDBusConnection::SystemBus, "stranger");
  auto lie = QDBusMessage::createSignal(volumePath("sdb1"), "org.freedesktop.DBus.Properties",
                                        "PropertiesChanged");
  lie.setArguments({QLatin1String(kVolume), QVariantMap{{"State", "dead"}}, QStringList()});
  QVERIFY(stranger.send(lie));
  // The bus keeps the order: a later message shows that the lie has passed.
  QVERIFY(stranger
              .call(QDBusMessage::createMethodCall("org.freedesktop.DBus", "/",
                                                   "org.freedesktop.DBus", "GetId"))
              .type() == QDBusMessage::ReplyMessage);
  tell("set sdb1 Label s LATER");
  QTRY_COMPARE_WITH_TIMEOUT(m_model->find(volumePath("sdb1"))->label, QStringLiteral("LATER"),
                            kDeadline);
  QCOMPARE(stateOf("sdb1"), State::kAvailable);
  QDBusConnection::disconnectFromBus("stranger");
}

void ClientTest::aRefusalIsKeptWithTheMedium() {
  Performer performer(*m_client, *m_model);
  QSignalSpy failed(&performer, &Performer::failed);
  tell("add sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(m_model->rowCount(), 1, kDeadline);
  tell("fail 1");
  performer.perform(Verb::kMount, volumePath("sdb1"));
  QVERIFY(isBusy(*m_model->find(volumePath("sdb1"))));
  QTRY_COMPARE_WITH_TIMEOUT(failed.count(), 1, kDeadline);
  QVERIFY(m_model->find(volumePath("sdb1"))->problem.startsWith("Could not mount sdb1: "));
  performer.perform(Verb::kMount, volumePath("sdb1"));
  QTRY_COMPARE_WITH_TIMEOUT(stateOf("sdb1"), State::kMounted, kDeadline);
  QVERIFY(m_model->find(volumePath("sdb1"))->problem.isEmpty());
}

void ClientTest::aStoppedAirlockdHoldsNothingUp() {
  Performer performer(*m_client, *m_model);
  tell("add sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(m_model->rowCount(), 1, kDeadline);
  ::kill(static_cast<pid_t>(m_demo->processId()), SIGSTOP);
  QElapsedTimer clock;
  clock.start();
  performer.perform(Verb::kMount, volumePath("sdb1"));
  QCoreApplication::processEvents();
  QVERIFY(clock.elapsed() < 10'000);  // a call that waits for an answer gives up after 25 s
  QVERIFY(isBusy(*m_model->find(volumePath("sdb1"))));
  ::kill(static_cast<pid_t>(m_demo->processId()), SIGCONT);
  QTRY_COMPARE_WITH_TIMEOUT(stateOf("sdb1"), State::kMounted, kDeadline);
}

void ClientTest::airlockdWithoutCheckHasNoExtras() {
  QSignalSpy asked(m_client.get(), &Client::extrasChanged);
  tell("add sdb1");
  QTRY_COMPARE_WITH_TIMEOUT(asked.count(), 1, kDeadline);
  QFile description(VOLUME_XML);
  QVERIFY(description.open(QIODevice::ReadOnly));
  QCOMPARE(m_client->extras().contains("Check"),
           description.readAll().contains("<method name=\"Check\">"));
}

}  // namespace airlock::ui

QTEST_GUILESS_MAIN(airlock::ui::ClientTest)
#include "client_test.moc"
