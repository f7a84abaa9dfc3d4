// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/tray.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QEvent>
#include <QGuiApplication>
#include <QMenu>
#include <QPalette>

#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr const char* kHostName = "org.kde.StatusNotifierWatcher";
constexpr int kFrameTime = 120;
// How long a desktop may take to start its panel before the older way of X11 is tried.
constexpr int kPatience = 10'000;

QColor inkHere() {
  return inkOfThePanel(qEnvironmentVariable("XDG_CURRENT_DESKTOP"),
                       QGuiApplication::palette().color(QPalette::WindowText));
}

}  // namespace

Mood moodOf(const VolumeModel::Summary& summary) {
  if (summary.dead > 0) return Mood::kAttention;
  if (summary.busy > 0) return Mood::kBusy;
  if (summary.attention > 0) return Mood::kAttention;
  if (summary.mounted > 0) return Mood::kMounted;
  return summary.shown > 0 ? Mood::kPlugged : Mood::kEmpty;
}

QColor inkOfThePanel(const QString& desktops, const QColor& inkOfWindows) {
  return desktops.split(u':').contains(QLatin1String("GNOME")) ? QColor(Qt::white) : inkOfWindows;
}

Tray::Tray(const VolumeModel& model, QMenu& menu, QObject* parent)
    : QObject(parent), m_model(model), m_menu(menu) {
  connect(&model, &VolumeModel::summaryChanged, this, &Tray::refresh);
  connect(&m_hosts, &QDBusServiceWatcher::serviceRegistered, this, &Tray::onHost);
  connect(&m_hosts, &QDBusServiceWatcher::serviceUnregistered, this, &Tray::onHostGone);
  m_hosts.setConnection(QDBusConnection::sessionBus());
  m_hosts.addWatchedService(QLatin1String(kHostName));
  m_animation.setInterval(kFrameTime);
  connect(&m_animation, &QTimer::timeout, this, &Tray::showFrame);
  m_patience.setSingleShot(true);
  connect(&m_patience, &QTimer::timeout, this, &Tray::makeIcon);
  qApp->installEventFilter(this);
  askForHost();
}

bool Tray::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::ApplicationPaletteChange && watched == qApp && m_icon != nullptr)
    showFrame();
  return QObject::eventFilter(watched, event);
}

Tray::~Tray() = default;

void Tray::askForHost() {
  auto question = QDBusMessage::createMethodCall(
      QStringLiteral("org.freedesktop.DBus"), QStringLiteral("/org/freedesktop/DBus"),
      QStringLiteral("org.freedesktop.DBus"), QStringLiteral("NameHasOwner"));
  question.setArguments({QLatin1String(kHostName)});
  auto* watcher =
      new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(question), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher] {
    watcher->deleteLater();
    const QDBusPendingReply<bool> reply = *watcher;
    if (reply.isValid() && reply.value()) return onHost();
    if (QGuiApplication::platformName() == QLatin1String("xcb")) m_patience.start(kPatience);
  });
}

// A returning panel has forgotten the icon, so show it again.
void Tray::onHost() {
  m_patience.stop();
  m_hasHost = true;
  if (m_icon == nullptr) return makeIcon();
  m_icon->hide();
  m_icon->show();
  emit appeared();
}

void Tray::onHostGone() {
  m_hasHost = false;
}

void Tray::makeIcon() {
  if (m_icon != nullptr) return;
  m_icon = std::make_unique<QSystemTrayIcon>();
  m_icon->setContextMenu(&m_menu);
  connect(m_icon.get(), &QSystemTrayIcon::activated, this, &Tray::onActivated);
  m_hasHost = m_hasHost || QSystemTrayIcon::isSystemTrayAvailable();
  refresh();
  m_icon->show();
  emit appeared();
}

void Tray::onActivated(QSystemTrayIcon::ActivationReason reason) {
  if (reason == QSystemTrayIcon::Trigger) emit clicked();
}

void Tray::refresh() {
  const VolumeModel::Summary summary = m_model.summary();
  const Mood mood = moodOf(summary);
  if (m_icon == nullptr) {
    m_mood = mood;
    return;
  }
  // Counts only: some panels interpret a tooltip as rich text, and names are foreign.
  m_icon->setToolTip(QStringLiteral("Airlock: ") + summarySentence(summary));
  if (mood == m_mood && !m_icon->icon().isNull()) return;
  m_mood = mood;
  if (mood == Mood::kBusy)
    m_animation.start();
  else
    m_animation.stop();
  showFrame();
}

void Tray::showFrame() {
  m_frame = m_mood == Mood::kBusy ? (m_frame + 1) % kBusyFrames : 0;
  m_icon->setIcon(moodIcon(m_mood, inkHere(), m_frame));
}

}  // namespace airlock::ui
