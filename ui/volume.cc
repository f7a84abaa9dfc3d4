// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/volume.h"

#include <QDBusArgument>
#include <QHash>
#include <cmath>

namespace airlock::ui {
namespace {

State stateNamed(const QString& name) {
  static const QHash<QString, State> kStates = {{QStringLiteral("probing"), State::kProbing},
                                                {QStringLiteral("waiting"), State::kWaiting},
                                                {QStringLiteral("available"), State::kAvailable},
                                                {QStringLiteral("mounting"), State::kMounting},
                                                {QStringLiteral("mounted"), State::kMounted},
                                                {QStringLiteral("unmounting"), State::kUnmounting},
                                                {QStringLiteral("dead"), State::kDead},
                                                {QStringLiteral("ignored"), State::kIgnored},
                                                {QStringLiteral("refused"), State::kRefused},
                                                {QStringLiteral("gone"), State::kGone}};
  return kStates.value(name, State::kUnknown);
}

// Reads the property into the field if it is there and has that type.
template <typename T>
void take(const QVariantMap& properties, const char* name, T& field) {
  const auto found = properties.constFind(QString::fromLatin1(name));
  if (found == properties.constEnd() || found->metaType() != QMetaType::fromType<T>()) return;
  field = found->value<T>();
}

QVariantMap mapIn(const QVariant& value) {
  if (value.metaType() == QMetaType::fromType<QVariantMap>()) return value.toMap();
  if (value.metaType() != QMetaType::fromType<QDBusArgument>()) return {};
  const auto argument = value.value<QDBusArgument>();
  if (argument.currentSignature() != QLatin1String("a{sv}")) return {};
  return qdbus_cast<QVariantMap>(argument);
}

Death deathFrom(const QVariantMap& story) {
  Death death;
  take(story, "kind", death.kind);
  take(story, "cause", death.cause);
  take(story, "signal", death.signal);
  take(story, "exit-code", death.exitCode);
  take(story, "system-call", death.systemCall);
  take(story, "when", death.when);
  take(story, "driver", death.driver);
  take(story, "last-lines", death.lastLines);
  take(story, "coredump-reference", death.coredump);
  take(story, "detached", death.detached);
  return death;
}

Healed healedFrom(const QVariantMap& story) {
  Healed healed;
  take(story, "count", healed.count);
  take(story, "cause", healed.cause);
  take(story, "longest-pause-ms", healed.longestPause);
  return healed;
}

LastCheck lastCheckFrom(const QVariantMap& result) {
  LastCheck check;
  take(result, "summary", check.summary);
  take(result, "checker", check.checker);
  take(result, "when", check.when);
  return check;
}

LastUnmount lastUnmountFrom(const QVariantMap& story) {
  LastUnmount unmount;
  take(story, "outcome", unmount.outcome);
  take(story, "summary", unmount.summary);
  return unmount;
}

Uncontained uncontainedFrom(const QVariantMap& story) {
  Uncontained mount;
  take(story, "mount-point", mount.mountPoint);
  take(story, "type", mount.type);
  take(story, "setting", mount.setting);
  return mount;
}

void takeTexts(const QVariantMap& changed, Volume& volume) {
  take(changed, "Id", volume.id);
  take(changed, "Device", volume.device);
  take(changed, "Kind", volume.kind);
  take(changed, "StateReason", volume.stateReason);
  take(changed, "DecidedBy", volume.decidedBy);
  take(changed, "Usage", volume.usage);
  take(changed, "Type", volume.type);
  take(changed, "TypeVersion", volume.typeVersion);
  take(changed, "Label", volume.label);
  take(changed, "Uuid", volume.uuid);
  take(changed, "Condition", volume.condition);
  take(changed, "Vendor", volume.vendor);
  take(changed, "Model", volume.model);
  take(changed, "Bus", volume.bus);
  take(changed, "MountPoint", volume.mountPoint);
  take(changed, "ReadOnlyReason", volume.readOnlyReason);
  take(changed, "Drive", volume.drive);
  take(changed, "Driver", volume.driver);
  take(changed, "DriverOrigin", volume.driverOrigin);
}

template <typename Story>
void takeStory(const QVariantMap& changed, const char* name, Story (*read)(const QVariantMap&),
               Story& story) {
  const auto found = changed.constFind(QLatin1String(name));
  if (found != changed.constEnd()) story = read(mapIn(*found));
}

void takeNumbers(const QVariantMap& changed, Volume& volume) {
  take(changed, "Size", volume.size);
  take(changed, "MountedSince", volume.mountedSince);
  take(changed, "MountedFor", volume.mountedFor);
  take(changed, "DriverPid", volume.driverPid);
  take(changed, "Ambivalent", volume.ambivalent);
  take(changed, "Removable", volume.removable);
  take(changed, "Ejectable", volume.ejectable);
  take(changed, "WriteProtected", volume.writeProtected);
  take(changed, "MountedReadOnly", volume.mountedReadOnly);
}

}  // namespace

void Volume::apply(const QVariantMap& changed) {
  takeTexts(changed, *this);
  takeNumbers(changed, *this);
  takeStory(changed, "Death", deathFrom, death);
  takeStory(changed, "Healed", healedFrom, healed);
  takeStory(changed, "LastCheck", lastCheckFrom, lastCheck);
  takeStory(changed, "LastUnmount", lastUnmountFrom, lastUnmount);
  takeStory(changed, "Uncontained", uncontainedFrom, uncontained);
  QString name;
  take(changed, "State", name);
  if (!name.isEmpty()) state = stateNamed(name);
  if (state != State::kMounted) space = {};
}

Job jobFrom(const QString& path, const QVariantMap& properties, Job before) {
  Job job = std::move(before);
  job.path = path;
  take(properties, "Operation", job.operation);
  take(properties, "Progress", job.progress);
  take(properties, "BytesLeft", job.bytesLeft);
  take(properties, "CanSkip", job.canSkip);
  const QVariant volume = properties.value(QStringLiteral("Volume"));
  if (volume.metaType() == QMetaType::fromType<QDBusObjectPath>())
    job.volume = volume.value<QDBusObjectPath>().path();
  if (!std::isfinite(job.progress) || job.progress > 1) job.progress = -1;
  return job;
}

bool isBusy(const Volume& volume) {
  return volume.pending || volume.job.has_value() || volume.state == State::kMounting ||
         volume.state == State::kUnmounting;
}

bool needsAttention(const Volume& volume) {
  return volume.state == State::kDead || volume.state == State::kWaiting ||
         volume.state == State::kRefused || volume.state == State::kGone ||
         isAlarming(volume.uncontained);
}

bool isUncontained(const Volume& volume) {
  return !volume.uncontained.mountPoint.isEmpty();
}

bool isAlarming(const Uncontained& mount) {
  return !mount.mountPoint.isEmpty() && mount.setting != QLatin1String("allow");
}

bool isImage(const Volume& volume) {
  return volume.kind == QLatin1String("image");
}

}  // namespace airlock::ui
