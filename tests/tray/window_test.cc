// SPDX-License-Identifier: GPL-2.0-or-later
// Window and menu as functions of the model, without a screen.
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QSettings>
#include <QStackedWidget>
#include <QStandardPaths>
#include <QTest>
#include <csignal>
#include <set>

#include "tests/tray/volumes.h"
#include "ui/main_window.h"
#include "ui/notice.h"
#include "ui/performer.h"
#include "ui/preferences.h"
#include "ui/settings_dialog.h"
#include "ui/sorted_volumes.h"
#include "ui/volume_menu.h"
#include "ui/volume_model.h"

namespace airlock::ui {
namespace {

const Surroundings kMe = {.uid = 1000, .extras = {}};

QAction* actionIn(const QMenu& menu, const QString& name) {
  for (QAction* action : menu.actions())
    if (action->objectName() == name) return action;
  return nullptr;
}

}  // namespace

class WindowTest : public QObject {
  Q_OBJECT

 private slots:
  void init();
  void aDeadMountTellsItsStory();
  void foreignTextIsNeverMarkup();
  void buttonsFollowTheState();
  void theMenuIsAFunctionOfTheModel();
  void theMenuHasRoomForAHundredMedia();
  void theKeyboardReachesEveryButton();
  void everyControlHasAName();
  void theWindowSaysWhenThereIsNoService();
  void settingsCountAtOnce();

 private:
  [[nodiscard]] QPushButton* button(const char* name) const;
  void add(const QString& id, const QString& state, const QVariantMap& more = {});

  Client m_client;
  std::unique_ptr<VolumeModel> m_model;
  std::unique_ptr<Performer> m_performer;
  std::unique_ptr<MainWindow> m_window;
};

void WindowTest::init() {
  QStandardPaths::setTestModeEnabled(true);
  m_window.reset();
  m_performer.reset();
  m_model = std::make_unique<VolumeModel>();
  m_performer = std::make_unique<Performer>(m_client, *m_model);
  m_window = std::make_unique<MainWindow>(m_client, *m_model, *m_performer);
  m_window->setSurroundings(kMe);
  m_window->present({});
  QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
}

void WindowTest::add(const QString& id, const QString& state, const QVariantMap& more) {
  m_model->addObject(volumePath(id), asVolume(stick(id, state, more)));
}

// Several buttons may have this name; returns the visible one.
QPushButton* WindowTest::button(const char* name) const {
  for (auto* found : m_window->findChildren<QPushButton*>(QLatin1String(name)))
    if (found->isVisible()) return found;
  return nullptr;
}

void WindowTest::aDeadMountTellsItsStory() {
  add("a", "mounted", {{"Label", "AAA"}});
  add("z", "dead", crashed(SIGSEGV));
  m_window->present(volumePath("z"));
  auto* panel = m_window->findChild<Notice*>("dead-panel");
  QVERIFY(panel->isVisible());
  QVERIFY(panel->sentence().contains("crashed") && panel->sentence().contains("SIGSEGV"));
  QVERIFY(button("recover-read-only") && button("recover") && button("detach"));
  auto* list = m_window->findChild<QListView*>("media");
  QCOMPARE(list->model()->index(0, 0).data(VolumeModel::PathRole).toString(), volumePath("z"));
  m_model->changeObject(volumePath("z"), kVolume, {{"State", "mounted"}});
  QVERIFY(!panel->isVisible());
}

void WindowTest::foreignTextIsNeverMarkup() {
  add("x", "dead", {{"Label", "<img src='file:///x'>"}, {"StateReason", "<b>no</b>"}});
  for (const auto* label : m_window->findChildren<QLabel*>())
    if (label->text().contains(u'<')) QCOMPARE(label->textFormat(), Qt::PlainText);
  QCOMPARE(m_window->findChild<QLabel*>("volume-name")->text(),
           QStringLiteral("<img src='file:///x'>"));
}

void WindowTest::buttonsFollowTheState() {
  add("a", "available");
  QVERIFY(button("mount") && button("mount-read-only") && !button("unmount") && !button("check"));
  m_model->changeObject(volumePath("a"), kVolume,
                        {{"State", "mounted"}, {"MountPoint", "/run/media/x/HOLIDAY"}});
  QVERIFY(!button("mount") && button("unmount") && button("open") && button("eject"));
  m_model->changeObject(volumePath("a"), kVolume, {{"State", "unmounting"}});
  QVERIFY(!button("unmount"));
  auto* strip = m_window->findChild<Notice*>("progress-strip");
  QVERIFY(strip->isVisible() && strip->sentence().contains("do not unplug"));
  QVERIFY(!button("cancel"));
  m_model->addObject("/org/airlock1/jobs/1", asJob(volumePath("a"), "unmount", 7'000'000));
  QVERIFY(strip->sentence().contains("7.0 MB") && button("cancel") && !button("skip"));
  m_model->changeObject(volumePath("a"), kVolume, {{"State", "mounting"}});
  QVariantMap checking = {{"Operation", "mount"}, {"BytesLeft", 0ULL}, {"CanSkip", true}};
  m_model->changeObject("/org/airlock1/jobs/1", kJob, checking);
  QVERIFY(strip->sentence().contains("checked before") && button("skip"));
}

void WindowTest::theMenuIsAFunctionOfTheModel() {
  SortedVolumes order(*m_model);
  VolumeMenu menu(*m_model, order, *m_performer);
  menu.setSurroundings(kMe);
  menu.rebuild();
  QVERIFY(!menu.actions().first()->isEnabled());
  add("a", "mounted", {{"Label", "Fotos & Filme"}});
  menu.rebuild();
  QAction* entry = menu.actions().first();
  QVERIFY(entry->text().startsWith("Fotos && Filme"));
  QVERIFY(actionIn(*entry->menu(), "unmount") && actionIn(*entry->menu(), "open"));
  QVERIFY(!actionIn(*entry->menu(), "mount"));
}

void WindowTest::theMenuHasRoomForAHundredMedia() {
  SortedVolumes order(*m_model);
  VolumeMenu menu(*m_model, order, *m_performer);
  for (int i = 0; i < 100; ++i) add(QString::number(i), "mounted");
  menu.rebuild();
  QVERIFY(menu.actions().size() < 30);
}

void WindowTest::theKeyboardReachesEveryButton() {
  add("z", "dead", crashed(SIGSEGV));
  m_window->present(volumePath("z"));
  std::set<QString> reached;
  for (int i = 0; i < 40; ++i) {
    if (auto* focused = QApplication::focusWidget()) reached.insert(focused->objectName());
    QTest::keyClick(m_window.get(), Qt::Key_Tab);
  }
  for (const char* name : {"media", "recover-read-only", "recover", "detach", "details"})
    QVERIFY2(reached.contains(name), name);
}

void WindowTest::everyControlHasAName() {
  add("a", "mounted");
  for (const auto* control : m_window->findChildren<QAbstractButton*>())
    if (control->isVisible() && control->focusPolicy() != Qt::NoFocus)
      QVERIFY2(!(control->accessibleName() + control->text()).isEmpty(),
               qPrintable(control->objectName()));
}

void WindowTest::theWindowSaysWhenThereIsNoService() {
  QVERIFY(m_window->findChild<Notice*>("banner")->sentence().contains("no connection"));
  QVERIFY(m_window->findChild<QStackedWidget*>()->currentWidget()->isVisible());
}

void WindowTest::settingsCountAtOnce() {
  Preferences preferences;
  SettingsDialog dialog(m_client, preferences);
  QVERIFY(!dialog.findChild<QComboBox*>("automount")->isEnabled());
  dialog.setAutomount("ask");
  QCOMPARE(dialog.findChild<QComboBox*>("automount")->currentData().toString(), "ask");
  for (const bool on : {true, false}) {
    dialog.findChild<QCheckBox*>("notifications")->setChecked(on);
    QCOMPARE(preferences.notifications(), on);
    dialog.findChild<QCheckBox*>("autostart")->setChecked(on);
    QCOMPARE(preferences.autostart(), on);
  }
}

}  // namespace airlock::ui

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName("airlock");
  QCoreApplication::setApplicationName("airlock-tray-test");
  airlock::ui::WindowTest test;
  return QTest::qExec(&test, argc, argv);
}
#include "window_test.moc"
