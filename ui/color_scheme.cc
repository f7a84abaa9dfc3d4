// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/color_scheme.h"

#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusVariant>
#include <QPalette>
#include <QStyle>

#include "ui/colors.h"

namespace airlock::ui {
namespace {

constexpr const char* kName = "org.freedesktop.portal.Desktop";
constexpr const char* kPath = "/org/freedesktop/portal/desktop";
constexpr const char* kSettings = "org.freedesktop.portal.Settings";
constexpr const char* kGroup = "org.freedesktop.appearance";
constexpr const char* kKey = "color-scheme";
constexpr uint kWantsDark = 1;

QPalette darkPalette() {
  const QColor window(0x30, 0x30, 0x30);
  const QColor base(0x22, 0x22, 0x22);
  const QColor ink(0xee, 0xee, 0xee);
  const QColor faint(0x90, 0x90, 0x90);
  QPalette palette(QColor(0x42, 0x42, 0x42), window);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText,
                          QPalette::ToolTipText, QPalette::HighlightedText}) {
    palette.setColor(role, ink);
    palette.setColor(QPalette::Disabled, role, faint);
  }
  palette.setColor(QPalette::PlaceholderText, faint);
  palette.setColor(QPalette::Base, base);
  palette.setColor(QPalette::AlternateBase, window);
  palette.setColor(QPalette::ToolTipBase, window);
  palette.setColor(QPalette::Highlight, QColor(0x1f, 0x62, 0xb0));
  palette.setColor(QPalette::Link, QColor(0x78, 0xae, 0xed));
  return palette;
}

// The older call returns a variant in a variant.
QVariant unwrapped(QVariant value) {
  while (value.metaType() == QMetaType::fromType<QDBusVariant>())
    value = value.value<QDBusVariant>().variant();
  return value;
}

}  // namespace

ColorScheme::ColorScheme(QObject* parent) : QObject(parent) {
  auto bus = QDBusConnection::sessionBus();
  bus.connect(QString(), QLatin1String(kPath), QLatin1String(kSettings),
              QStringLiteral("SettingChanged"), this, SLOT(onSettingChanged(QDBusMessage)));
  ask();
}

void ColorScheme::ask() {
  auto question = QDBusMessage::createMethodCall(QLatin1String(kName), QLatin1String(kPath),
                                                 QLatin1String(kSettings), QStringLiteral("Read"));
  question.setArguments({QLatin1String(kGroup), QLatin1String(kKey)});
  auto* watcher =
      new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(question), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher] {
    watcher->deleteLater();
    if (!watcher->isError()) use(watcher->reply().arguments().value(0));
  });
}

void ColorScheme::onSettingChanged(const QDBusMessage& signal) {
  const QVariantList setting = signal.arguments();
  if (setting.value(0) == QLatin1String(kGroup) && setting.value(1) == QLatin1String(kKey))
    use(setting.value(2));
}

void ColorScheme::use(const QVariant& wish) {
  const bool dark = unwrapped(wish).toUInt() == kWantsDark;
  if (!dark && m_darkened) QApplication::setPalette(QPalette());
  if (dark && !isDark(QApplication::palette()) &&
      QApplication::style()->name() == QLatin1String("fusion")) {
    QApplication::setPalette(darkPalette());
    m_darkened = true;
    return;
  }
  m_darkened = m_darkened && dark;
}

}  // namespace airlock::ui
