// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QString>
#include <QVariantMap>
#include <cstdint>
#include <optional>

namespace airlock::ui {

enum class State {
  kUnknown,
  kProbing,
  kWaiting,
  kAvailable,
  kMounting,
  kMounted,
  kUnmounting,
  kDead,
  kIgnored,
  kRefused,
  kGone
};

// How a driver ended, from org.airlock1.Volume.Death.
struct Death {
  QString kind;
  QString cause;
  qint64 signal = 0;
  qint64 exitCode = 0;
  QString systemCall;
  qint64 when = 0;  // seconds since 1970
  QString driver;
  QString lastLines;
  QString coredump;
  bool detached = false;
};

// How often its driver was replaced, from org.airlock1.Volume.Healed.
struct Healed {
  qint64 count = 0;
  QString cause;
  qint64 longestPause = 0;  // milliseconds
};

// The last result of a checker; empty if none has run, or airlockd has none.
struct LastCheck {
  QString summary;
  QString checker;
  qint64 when = 0;
};

// How it was unmounted; empty again after the next mount.
struct LastUnmount {
  QString outcome;
  QString summary;
};

// A mount by another program, without a driver of Airlock; empty if there is none.
struct Uncontained {
  QString mountPoint;
  QString type;
  QString setting;  // "allow": nothing to warn of
};

// Something that runs, org.airlock1.Job.
struct Job {
  QString path;
  QString operation;
  QString volume;         // object path
  double progress = -1;   // 0 to 1; less if unknown
  quint64 bytesLeft = 0;  // 0 if unknown
  bool canSkip = false;   // a check that can be skipped
};

struct Space {
  quint64 total = 0;  // 0 if unknown
  quint64 available = 0;
};

// One medium, from airlockd's description and this program's own state. Text is foreign until it
// went through visible(). A value: no bus, no widgets.
struct Volume {
  QString path;
  QString id;
  QString device;
  QString kind;
  State state = State::kUnknown;
  QString stateReason;
  QString decidedBy;
  QString usage;
  QString type;
  QString typeVersion;
  QString label;
  QString uuid;
  QString condition;
  QString vendor;
  QString model;
  QString bus;
  QString mountPoint;
  QString readOnlyReason;
  QString drive;
  QString driver;
  QString driverOrigin;
  quint64 size = 0;
  quint64 mountedSince = 0;
  uint mountedFor = 0;
  uint driverPid = 0;
  bool ambivalent = false;
  bool removable = false;
  bool ejectable = false;
  bool writeProtected = false;
  bool mountedReadOnly = false;
  Death death;
  Healed healed;
  LastCheck lastCheck;
  LastUnmount lastUnmount;
  Uncontained uncontained;

  // Not from airlockd.
  std::optional<Job> job;
  Space space;
  QString problem;       // the reason why the last action failed
  bool pending = false;  // an action of this program has no answer yet

  // Takes over the properties that exist and have the right type.
  void apply(const QVariantMap& changed);
};

[[nodiscard]] Job jobFrom(const QString& path, const QVariantMap& properties, Job before = {});

// The kernel or a program with privileges reads the medium.
[[nodiscard]] bool isUncontained(const Volume& volume);
// The settings do not allow that.
[[nodiscard]] bool isAlarming(const Uncontained& mount);
// Works on something that must not be interrupted by pulling the medium out.
[[nodiscard]] bool isBusy(const Volume& volume);
// Waits for a person: dead, waiting for a session, refused, pulled out, or not contained.
[[nodiscard]] bool needsAttention(const Volume& volume);
[[nodiscard]] bool isImage(const Volume& volume);

}  // namespace airlock::ui
