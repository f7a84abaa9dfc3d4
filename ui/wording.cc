// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/wording.h"

#include <unistd.h>

#include <csignal>
#include <cstring>

#include <QDateTime>
#include <QLocale>

#include "ui/visible_text.h"

namespace airlock::ui {
namespace {

struct Wording {
  Q_DECLARE_TR_FUNCTIONS(Wording)
};

constexpr qsizetype kLongestName = 60;
constexpr qsizetype kLongestSentence = 400;

QString said(const QString& foreign) {
  QString sentence = visible(foreign.trimmed(), kLongestSentence);
  if (sentence.isEmpty()) return sentence;
  sentence[0] = sentence.at(0).toUpper();
  const bool ended = sentence.endsWith(u'.') || sentence.endsWith(u'!') || sentence.endsWith(u'?');
  return ended ? sentence : sentence + u'.';
}

// Not getpwuid: that may ask a server.
QString owner(uint uid) {
  return uid == ::getuid() ? Wording::tr("you") : Wording::tr("user %1").arg(uid);
}

QString connection(const QString& bus) {
  if (bus == QLatin1String("usb")) return QStringLiteral("USB");
  if (bus == QLatin1String("mmc")) return Wording::tr("memory card");
  return visible(bus, kLongestName);
}

QString signalName(qint64 signal) {
  const char* name = signal > 0 && signal < 65 ? ::sigabbrev_np(static_cast<int>(signal)) : nullptr;
  if (name == nullptr) return Wording::tr("signal %1").arg(signal);
  return QStringLiteral("SIG") + QString::fromLatin1(name);
}

bool isCrash(qint64 signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGILL ||
         signal == SIGFPE;
}

QString stateSentence(const Volume& volume) {
  switch (volume.state) {
    case State::kProbing:
      return Wording::tr("Examining the medium…");
    case State::kWaiting:
      return Wording::tr("Waits until somebody is logged in and the screen is unlocked.");
    case State::kAvailable:
      return Wording::tr("Not mounted.");
    case State::kMounting:
      return Wording::tr("Being mounted…");
    case State::kMounted:
      return Wording::tr("Mounted.");
    case State::kUnmounting:
      return Wording::tr("Being unmounted: do not unplug it yet.");
    case State::kDead:
      return deathSentence(volume);
    case State::kIgnored:
      return Wording::tr("Airlock leaves it alone.");
    case State::kRefused:
      return Wording::tr("Refused.");
    case State::kGone:
      return Wording::tr("It was pulled out while it was mounted.");
    case State::kUnknown:
      break;
  }
  return Wording::tr("In a state this program does not know.");
}

}  // namespace

QString nameOf(const Volume& volume) {
  if (!volume.label.trimmed().isEmpty()) return visible(volume.label.trimmed(), kLongestName);
  if (isImage(volume) && !volume.device.isEmpty()) return visible(volume.device, kLongestName);
  const QString drive = (volume.vendor + u' ' + volume.model).simplified();
  const QString id = visible(volume.id, kLongestName);
  return drive.isEmpty() ? id : QStringLiteral("%1 (%2)").arg(visible(drive, kLongestName), id);
}

QString kindOf(const Volume& volume) {
  QString kind = visible(volume.kind, kLongestName);
  if (volume.kind == QLatin1String("disk")) kind = Wording::tr("drive");
  if (volume.kind == QLatin1String("partition")) kind = Wording::tr("partition");
  if (volume.kind == QLatin1String("optical")) kind = Wording::tr("optical disc");
  if (volume.kind == QLatin1String("loop")) kind = Wording::tr("loop device");
  if (volume.kind == QLatin1String("image")) kind = Wording::tr("image file");
  const QString through = connection(volume.bus);
  return through.isEmpty() ? kind : QStringLiteral("%1, %2").arg(through, kind);
}

QString stateWord(const Volume& volume) {
  if (isAlarming(volume.uncontained)) return Wording::tr("NOT contained");
  if (isUncontained(volume)) return Wording::tr("mounted by another program");
  switch (volume.state) {
    case State::kProbing:
      return Wording::tr("being examined");
    case State::kWaiting:
      return Wording::tr("waiting");
    case State::kAvailable:
      return Wording::tr("not mounted");
    case State::kMounting:
      return Wording::tr("being mounted");
    case State::kMounted:
      return volume.mountedReadOnly ? Wording::tr("mounted, read-only") : Wording::tr("mounted");
    case State::kUnmounting:
      return Wording::tr("being unmounted");
    case State::kDead:
      return Wording::tr("driver died");
    case State::kIgnored:
      return Wording::tr("left alone");
    case State::kRefused:
      return Wording::tr("refused");
    case State::kGone:
      return Wording::tr("pulled out");
    case State::kUnknown:
      break;
  }
  return Wording::tr("unknown");
}

QString sentenceFor(const Volume& volume) {
  if (const QString progress = progressSentence(volume); !progress.isEmpty()) return progress;
  if (isUncontained(volume)) return uncontainedSentence(volume);
  if (volume.state == State::kMounted) {
    const QString space = spaceSentence(volume);
    if (volume.mountedReadOnly)
      return Wording::tr("Mounted, read-only.") + (space.isEmpty() ? space : u' ' + space);
    return space.isEmpty() ? stateSentence(volume) : space;
  }
  if (volume.state != State::kDead && !volume.stateReason.isEmpty())
    return said(volume.stateReason);
  return stateSentence(volume);
}

QString uncontainedSentence(const Volume& volume) {
  const QString sentence =
      isAlarming(volume.uncontained)
          ? Wording::tr("NOT contained: another program mounted it on %1 as %2.")
          : Wording::tr("Another program mounted it on %1 as %2.");
  return sentence.arg(visible(volume.uncontained.mountPoint, kLongestSentence),
                      visible(volume.uncontained.type, kLongestName));
}

QString deathSentence(const Volume& volume) {
  const QString type =
      volume.type.isEmpty() ? Wording::tr("filesystem") : visible(volume.type, kLongestName);
  const Death& death = volume.death;
  if (death.kind == QLatin1String("signal") && isCrash(death.signal))
    return Wording::tr("The %1 driver crashed while it served this medium (%2).")
        .arg(type, signalName(death.signal));
  if (death.kind == QLatin1String("signal"))
    return Wording::tr("The %1 driver was killed (%2).").arg(type, signalName(death.signal));
  if (death.kind == QLatin1String("exit"))
    return Wording::tr("The %1 driver gave up (exit code %2).").arg(type).arg(death.exitCode);
  if (death.kind == QLatin1String("forbidden-call"))
    return Wording::tr(
               "The %1 driver tried something it is not allowed to do (%2) and was stopped.")
        .arg(type, visible(death.systemCall, kLongestName));
  if (death.kind == QLatin1String("out-of-memory"))
    return Wording::tr("The %1 driver exceeded its memory limit and was stopped.").arg(type);
  if (death.kind == QLatin1String("hang"))
    return Wording::tr("The %1 driver stopped answering and was ended.").arg(type);
  if (death.kind == QLatin1String("flood"))
    return Wording::tr("The %1 driver flooded the system with requests and was stopped.").arg(type);
  if (!death.cause.isEmpty())
    return Wording::tr("The %1 driver %2.").arg(type, visible(death.cause, kLongestSentence));
  return Wording::tr("The %1 driver ended for an unknown reason.").arg(type);
}

QString deathLoss(const Volume& volume) {
  if (volume.mountedReadOnly) return Wording::tr("It was mounted read-only: nothing is lost.");
  return Wording::tr(
      "Data written in the last seconds may be missing. Everything older is safe on the "
      "medium.");
}

QString deathDetails(const Volume& volume) {
  const Death& death = volume.death;
  QStringList lines = {
      Wording::tr("Medium: %1 (%2, %3)")
          .arg(nameOf(volume), visible(volume.device), filesystemOf(volume)),
      Wording::tr("Driver: %1").arg(visible(death.driver.isEmpty() ? volume.driver : death.driver)),
      Wording::tr("When: %1").arg(timeText(death.when)),
      Wording::tr("How it ended: %1").arg(visible(death.cause, kLongestSentence))};
  if (!death.coredump.isEmpty())
    lines << Wording::tr("Core dump: %1").arg(visible(death.coredump, kLongestSentence));
  if (!death.lastLines.isEmpty())
    lines << QString() << Wording::tr("What it said last:") << visibleLines(death.lastLines);
  return lines.join(u'\n');
}

QString progressSentence(const Volume& volume) {
  if (!isBusy(volume)) return {};
  const QString operation = volume.job ? volume.job->operation : QString();
  if (volume.job && volume.job->bytesLeft > 0)
    return Wording::tr("%1 still to be written: do not unplug it yet.")
        .arg(sizeText(volume.job->bytesLeft));
  if (volume.state == State::kUnmounting || operation == QLatin1String("unmount") ||
      operation == QLatin1String("eject") || operation == QLatin1String("power-off"))
    return Wording::tr("Writing what is left: do not unplug it yet.");
  if (operation == QLatin1String("check"))
    return Wording::tr("Being checked: do not unplug it yet.");
  if (operation == QLatin1String("repair"))
    return Wording::tr("Being repaired: do not unplug it yet.");
  if (volume.job && volume.job->canSkip)
    return Wording::tr("Being checked before it is mounted: do not unplug it yet.");
  if (volume.state == State::kMounting || operation == QLatin1String("mount") ||
      operation == QLatin1String("recover"))
    return Wording::tr("Being mounted…");
  return Wording::tr("Working…");
}

QString spaceSentence(const Volume& volume) {
  if (volume.space.total == 0) return {};
  return Wording::tr("%1 of %2 free")
      .arg(sizeText(volume.space.available), sizeText(volume.space.total));
}

QString filesystemOf(const Volume& volume) {
  if (volume.ambivalent) return Wording::tr("ambiguous: several formats detected");
  if (volume.type.isEmpty()) return Wording::tr("no known filesystem");
  return visible((volume.type + u' ' + volume.typeVersion).simplified(), kLongestName);
}

QString driverOf(const Volume& volume) {
  if (volume.driver.isEmpty()) return {};
  const QString name = visible(volume.driver, kLongestName);
  const QString where = volume.driverOrigin == QLatin1String("builtin")
                            ? Wording::tr("contained by Airlock's own sandbox")
                            : Wording::tr("contained by the service manager");
  if (volume.driverPid == 0) return QStringLiteral("%1, %2").arg(name, where);
  return Wording::tr("%1, %2, process %3").arg(name, where).arg(volume.driverPid);
}

QString mountSentence(const Volume& volume) {
  if (volume.mountPoint.isEmpty()) return {};
  QString where = Wording::tr("%1, for %2")
                      .arg(visible(volume.mountPoint, kLongestSentence), owner(volume.mountedFor));
  if (!volume.mountedReadOnly) return where;
  where += u'\n' + Wording::tr("Read-only.");
  if (!volume.readOnlyReason.isEmpty()) where += u' ' + said(volume.readOnlyReason);
  return where;
}

QString checkSentence(const Volume& volume) {
  const LastCheck& check = volume.lastCheck;
  if (check.summary.isEmpty()) return {};
  return Wording::tr("%1 (%2, %3)")
      .arg(said(check.summary), visible(check.checker, kLongestName), timeText(check.when));
}

QString unmountSentence(const Volume& volume) {
  return said(volume.lastUnmount.summary);
}

QString sizeText(quint64 bytes) {
  constexpr quint64 kMost = 1ULL << 62;
  return QLocale().formattedDataSize(static_cast<qint64>(qMin(bytes, kMost)), 1,
                                     QLocale::DataSizeSIFormat);
}

QString timeText(qint64 seconds) {
  if (seconds <= 0) return Wording::tr("not known");
  return QLocale().toString(QDateTime::fromSecsSinceEpoch(seconds), QLocale::ShortFormat);
}

QString summarySentence(const VolumeModel::Summary& summary) {
  if (summary.dead > 0) return Wording::tr("The driver of %n medium(s) died", "", summary.dead);
  if (summary.waiting > 0) return Wording::tr("%n medium(s) wait(s) for you", "", summary.waiting);
  if (summary.busy > 0)
    return Wording::tr("Working on %n medium(s): do not unplug yet", "", summary.busy);
  if (summary.mounted > 0) return Wording::tr("%n medium(s) mounted", "", summary.mounted);
  if (summary.shown > 0) return Wording::tr("%n medium(s) plugged in", "", summary.shown);
  return Wording::tr("Nothing is plugged in");
}

}  // namespace airlock::ui
