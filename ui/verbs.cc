// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/verbs.h"

#include <QCoreApplication>

#include "ui/icons.h"

namespace airlock::ui {
namespace {

struct Verbs {
  Q_DECLARE_TR_FUNCTIONS(Verbs)
};

bool canBeMounted(const Volume& volume) {
  return volume.state == State::kAvailable && volume.usage == QLatin1String("filesystem") &&
         !isUncontained(volume);
}

void addReading(const Volume& volume, const Surroundings& around, std::vector<Verb>& verbs) {
  if (volume.state == State::kMounted && volume.mountedFor == around.uid &&
      volume.mountPoint.startsWith(u'/'))
    verbs.push_back(Verb::kOpen);
  if (canBeMounted(volume)) {
    if (!volume.writeProtected) verbs.push_back(Verb::kMount);
    verbs.push_back(Verb::kMountReadOnly);
  }
}

void addMending(const Volume& volume, const Surroundings& around, std::vector<Verb>& verbs) {
  if (volume.state == State::kDead) {
    verbs.push_back(Verb::kRecoverReadOnly);
    if (!volume.writeProtected) verbs.push_back(Verb::kRecover);
    verbs.push_back(Verb::kDetach);
  }
  if (!canBeMounted(volume)) return;
  if (around.extras.contains(QStringLiteral("Check"))) verbs.push_back(Verb::kCheck);
  if (around.extras.contains(QStringLiteral("Repair"))) verbs.push_back(Verb::kRepair);
}

void addLeaving(const Volume& volume, std::vector<Verb>& verbs) {
  const bool mounted = volume.state == State::kMounted;
  if (mounted) verbs.push_back(Verb::kUnmount);
  // Somebody else's mount keeps its drive.
  if ((!mounted && volume.state != State::kAvailable) || isUncontained(volume)) return;
  if (volume.ejectable) verbs.push_back(Verb::kEject);
  if (volume.removable && volume.bus == QLatin1String("usb")) verbs.push_back(Verb::kPowerOff);
}

}  // namespace

std::vector<Verb> verbsFor(const Volume& volume, const Surroundings& surroundings) {
  std::vector<Verb> verbs;
  if (isBusy(volume)) return verbs;
  addReading(volume, surroundings, verbs);
  addMending(volume, surroundings, verbs);
  addLeaving(volume, verbs);
  if (isImage(volume) && volume.state == State::kAvailable) verbs.push_back(Verb::kDetach);
  return verbs;
}

QString verbText(Verb verb) {
  switch (verb) {
    case Verb::kOpen:
      return Verbs::tr("&Open");
    case Verb::kMount:
      return Verbs::tr("&Mount");
    case Verb::kMountReadOnly:
      return Verbs::tr("Mount &read-only");
    case Verb::kRecoverReadOnly:
      return Verbs::tr("Mount again &read-only");
    case Verb::kRecover:
      return Verbs::tr("&Mount again");
    case Verb::kDetach:
      return Verbs::tr("&Detach");
    case Verb::kUnmount:
      return Verbs::tr("&Unmount");
    case Verb::kEject:
      return Verbs::tr("&Eject");
    case Verb::kPowerOff:
      return Verbs::tr("&Safely remove");
    case Verb::kCheck:
      return Verbs::tr("&Check");
    case Verb::kRepair:
      return Verbs::tr("Re&pair");
  }
  return {};
}

QString verbFailure(Verb verb) {
  switch (verb) {
    case Verb::kOpen:
      return Verbs::tr("Could not open %1");
    case Verb::kMount:
    case Verb::kMountReadOnly:
      return Verbs::tr("Could not mount %1");
    case Verb::kRecoverReadOnly:
    case Verb::kRecover:
      return Verbs::tr("Could not mount %1 again");
    case Verb::kDetach:
      return Verbs::tr("Could not detach %1");
    case Verb::kUnmount:
      return Verbs::tr("Could not unmount %1");
    case Verb::kEject:
      return Verbs::tr("Could not eject %1");
    case Verb::kPowerOff:
      return Verbs::tr("Could not switch %1 off");
    case Verb::kCheck:
      return Verbs::tr("Could not check %1");
    case Verb::kRepair:
      return Verbs::tr("Could not repair %1");
  }
  return {};
}

QString verbName(Verb verb) {
  switch (verb) {
    case Verb::kOpen:
      return QStringLiteral("open");
    case Verb::kMount:
      return QStringLiteral("mount");
    case Verb::kMountReadOnly:
      return QStringLiteral("mount-read-only");
    case Verb::kRecoverReadOnly:
      return QStringLiteral("recover-read-only");
    case Verb::kRecover:
      return QStringLiteral("recover");
    case Verb::kDetach:
      return QStringLiteral("detach");
    case Verb::kUnmount:
      return QStringLiteral("unmount");
    case Verb::kEject:
      return QStringLiteral("eject");
    case Verb::kPowerOff:
      return QStringLiteral("power-off");
    case Verb::kCheck:
      return QStringLiteral("check");
    case Verb::kRepair:
      return QStringLiteral("repair");
  }
  return {};
}

QIcon verbIcon(Verb verb) {
  switch (verb) {
    case Verb::kOpen:
      return themed("document-open-folder", "folder-open");
    case Verb::kMount:
    case Verb::kMountReadOnly:
    case Verb::kRecover:
    case Verb::kRecoverReadOnly:
      return themed("media-mount", "drive-removable-media");
    case Verb::kDetach:
      return themed("edit-clear", "edit-delete");
    case Verb::kUnmount:
      return themed("media-unmount", "media-eject");
    case Verb::kEject:
      return themed("media-eject");
    case Verb::kPowerOff:
      return themed("system-shutdown", "media-eject");
    case Verb::kCheck:
      return themed("edit-find", "system-search");
    case Verb::kRepair:
      return themed("applications-system", "preferences-system");
  }
  return {};
}

VerbCall callFor(Verb verb) {
  const QVariantMap none;
  const QVariantMap readOnly = {{QStringLiteral("options"), QStringLiteral("ro")}};
  switch (verb) {
    case Verb::kOpen:
      return {};
    case Verb::kMount:
      return {QStringLiteral("Mount"), {none}};
    case Verb::kMountReadOnly:
      return {QStringLiteral("Mount"), {readOnly}};
    case Verb::kRecoverReadOnly:
      return {QStringLiteral("Recover"), {QStringLiteral("read-only"), none}};
    case Verb::kRecover:
      return {QStringLiteral("Recover"), {QStringLiteral("read-write"), none}};
    case Verb::kDetach:
      return {QStringLiteral("Detach"), {none}};
    case Verb::kUnmount:
      return {QStringLiteral("Unmount"), {none}};
    case Verb::kEject:
      return {QStringLiteral("Eject"), {none}};
    case Verb::kPowerOff:
      return {QStringLiteral("PowerOff"), {none}};
    case Verb::kCheck:
      return {QStringLiteral("Check"), {none}};
    case Verb::kRepair:
      return {QStringLiteral("Repair"), {none}};
  }
  return {};
}

}  // namespace airlock::ui
