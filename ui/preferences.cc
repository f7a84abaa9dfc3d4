// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/preferences.h"

#include <QDir>
#include <QFile>
#include <QSaveFile>
#include <QSettings>
#include <QStandardPaths>

namespace airlock::ui {
namespace {

constexpr const char* kNotifications = "notifications";
constexpr const char* kOpenAfterMount = "open-after-mount";
constexpr const char* kAutostartFile = "autostart/org.airlock1.Tray.desktop";

bool read(const char* key, bool otherwise) {
  return QSettings().value(QLatin1String(key), otherwise).toBool();
}

QString ownAutostartFile() {
  return QDir(QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation))
      .filePath(QLatin1String(kAutostartFile));
}

bool isHidden(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return true;
  constexpr qint64 kMostOfIt = 65536;
  const QByteArray text = file.read(kMostOfIt);
  return text.contains("\nHidden=true");
}

}  // namespace

bool Preferences::notifications() const {
  return read(kNotifications, true);
}

void Preferences::setNotifications(bool on) {
  QSettings().setValue(QLatin1String(kNotifications), on);
}

bool Preferences::openAfterMount() const {
  return read(kOpenAfterMount, false);
}

void Preferences::setOpenAfterMount(bool on) {
  QSettings().setValue(QLatin1String(kOpenAfterMount), on);
}

bool Preferences::autostart() const {
  const QString file =
      QStandardPaths::locate(QStandardPaths::GenericConfigLocation, QLatin1String(kAutostartFile));
  return !file.isEmpty() && !isHidden(file);
}

bool Preferences::setAutostart(bool on) {
  const QString path = ownAutostartFile();
  if (!QDir().mkpath(QFileInfo(path).path())) return false;
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return false;
  file.write(
      "[Desktop Entry]\nType=Application\nName=Airlock\nExec=airlock-tray --tray\n"
      "Icon=org.airlock1.Tray\n");
  file.write(on ? "Hidden=false\n" : "Hidden=true\n");
  return file.commit();
}

}  // namespace airlock::ui
