// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QDBusObjectPath>
#include <QStringList>
#include <QVariantMap>

#include "ui/client.h"

namespace airlock::ui {

inline QString volumePath(const QString& id) {
  return QStringLiteral("/org/airlock1/volumes/") + id;
}

// A stick as airlockd would describe it, with the changes of the test.
inline QVariantMap stick(const QString& id, const QString& state, QVariantMap otherwise = {}) {
  QVariantMap all = {{"Id", id},           {"Device", "/dev/" + id}, {"Kind", "partition"},
                     {"State", state},     {"Usage", "filesystem"},  {"Type", "ext4"},
                     {"Label", "HOLIDAY"}, {"Bus", "usb"},           {"Removable", true},
                     {"Ejectable", true},  {"MountedFor", 1000U},    {"Size", quint64{16} << 30U}};
  if (state == QLatin1String("mounted"))
    all.insert({{"MountPoint", "/run/media/x/HOLIDAY"}, {"Driver", "airlock-ext"}});
  all.insert(otherwise);
  return all;
}

inline Interfaces asVolume(const QVariantMap& properties) {
  return {{QLatin1String(kVolume), properties}};
}

inline Interfaces asJob(const QString& volume, const QString& operation, quint64 bytesLeft) {
  return {{QLatin1String(kJob),
           {{"Volume", QVariant::fromValue(QDBusObjectPath(volume))},
            {"Operation", operation},
            {"BytesLeft", bytesLeft},
            {"Progress", 0.5}}}};
}

inline QVariantMap crashed(qint64 signal) {
  return {{"Death", QVariantMap{{"kind", "signal"}, {"signal", signal}, {"when", qint64{1}}}}};
}

}  // namespace airlock::ui
