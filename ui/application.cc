// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/application.h"

#include <unistd.h>

#include <QCoreApplication>

#include "ui/feed.h"

namespace airlock::ui {
namespace {

constexpr int kMeasureAgain = 3000;

}  // namespace

Application::Application(Start start)
    : m_start(start),
      m_around{.uid = ::getuid(), .extras = {}},
      m_performer(m_client, m_model),
      m_notifier(m_model, m_performer, m_preferences),
      m_order(m_model),
      m_menu(m_model, m_order, m_performer),
      m_tray(m_model, m_menu) {
  m_measuring.setInterval(kMeasureAgain);
  connectParts();
  onExtras();
}

void Application::connectParts() {
  feed(m_client, m_model);
  connect(&m_client, &Client::managerChanged, this, &Application::onManagerChanged);
  connect(&m_client, &Client::presenceChanged, this, &Application::onPresence);
  connect(&m_client, &Client::extrasChanged, this, &Application::onExtras);
  connect(&m_model, &VolumeModel::volumeChanged, this, &Application::openIfWanted);
  connect(&m_menu, &QMenu::aboutToShow, this, &Application::measureSpace);
  connect(&m_meter, &SpaceMeter::measured, &m_model, &VolumeModel::setSpace);
  connect(&m_measuring, &QTimer::timeout, this, &Application::measureSpace);
  connect(&m_notifier, &Notifier::activated, this, &Application::presentWindow);
  connect(&m_menu, &VolumeMenu::windowWanted, this, &Application::presentWindow);
  connect(&m_menu, &VolumeMenu::settingsWanted, this, &Application::showSettings);
  connect(&m_menu, &VolumeMenu::quitWanted, qApp, &QCoreApplication::quit);
  connect(&m_tray, &Tray::clicked, this, [this] { presentWindow(); });
}

void Application::begin() {
  m_client.start();
  if (m_start == Start::kWithWindow) presentWindow();
}

MainWindow& Application::window() {
  if (m_window) return *m_window;
  m_window = std::make_unique<MainWindow>(m_client, m_model, m_performer);
  m_window->setSurroundings(m_around);
  m_window->setSettingsProblem(m_settingsProblem);
  connect(m_window.get(), &MainWindow::settingsWanted, this, &Application::showSettings);
  connect(m_window.get(), &MainWindow::quitWanted, qApp, &QCoreApplication::quit);
  connect(m_window.get(), &MainWindow::closed, this, &Application::onWindowClosed);
  connect(m_window.get(), &MainWindow::shown, this, [this] {
    measureSpace();
    m_measuring.start();
  });
  return *m_window;
}

void Application::presentWindow(const QString& path) {
  window().present(path);
}

// Without a tray the window is the whole program, so closing it ends the program, unless it was
// started to stay.
void Application::onWindowClosed() {
  m_measuring.stop();
  if (!m_tray.isThere() && m_start == Start::kWithWindow) QCoreApplication::quit();
}

void Application::onManagerChanged(const QVariantMap& properties) {
  if (const QVariant mode = properties.value(QStringLiteral("Automount")); mode.isValid())
    m_automount = mode.toString();
  if (const QVariant problem = properties.value(QStringLiteral("SettingsProblem"));
      problem.isValid())
    m_settingsProblem = problem.toString();
  m_notifier.setAutomount(m_automount);
  if (m_settings) m_settings->setAutomount(m_automount);
  if (m_window) m_window->setSettingsProblem(m_settingsProblem);
}

void Application::onPresence() {
  if (m_client.presence() == Client::Presence::kPresent) return;
  m_automount.clear();
  if (m_settings) m_settings->setAutomount(m_automount);
}

void Application::onExtras() {
  m_around.extras = m_client.extras();
  m_notifier.setSurroundings(m_around);
  m_menu.setSurroundings(m_around);
  if (m_window) m_window->setSurroundings(m_around);
}

void Application::showSettings() {
  if (!m_settings) m_settings = std::make_unique<SettingsDialog>(m_client, m_preferences);
  m_settings->setAutomount(m_automount);
  if (m_client.presence() == Client::Presence::kNoDaemon) m_client.wake();
  m_settings->show();
  m_settings->raise();
  m_settings->activateWindow();
}

void Application::openIfWanted(const Volume& before, const Volume& now) {
  if (now.state != State::kMounted || before.state == State::kMounted) return;
  if (m_window && m_window->isVisible()) measureSpace();
  if (m_preferences.openAfterMount() && now.mountedFor == m_around.uid)
    m_performer.perform(Verb::kOpen, now.path);
}

void Application::measureSpace() {
  for (const Volume& volume : m_model.volumes())
    if (volume.state == State::kMounted && volume.mountedFor == m_around.uid)
      m_meter.measure(volume.path, volume.mountPoint);
  if (m_window && !m_window->isVisible()) m_measuring.stop();
}

}  // namespace airlock::ui
