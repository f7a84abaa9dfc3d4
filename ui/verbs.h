// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QIcon>
#include <QSet>
#include <QString>
#include <QVariantList>
#include <vector>

#include "ui/volume.h"

namespace airlock::ui {

// An action on a medium.
enum class Verb {
  kOpen,
  kMount,
  kMountReadOnly,
  kRecoverReadOnly,
  kRecover,
  kDetach,
  kUnmount,
  kEject,
  kPowerOff,
  kCheck,
  kRepair
};

// The person at this seat, and the optional methods of this airlockd.
struct Surroundings {
  uint uid = 0;
  QSet<QString> extras;
};

// The verbs possible now, the most likely first.
[[nodiscard]] std::vector<Verb> verbsFor(const Volume& volume, const Surroundings& surroundings);

[[nodiscard]] QString verbText(Verb verb);     // with a marked letter: "&Unmount"
[[nodiscard]] QString verbFailure(Verb verb);  // "Could not unmount %1"
[[nodiscard]] QString verbName(Verb verb);     // for programs: "unmount"
[[nodiscard]] QIcon verbIcon(Verb verb);

// The call behind it. kOpen has none.
struct VerbCall {
  QString method;
  QVariantList arguments;
};
[[nodiscard]] VerbCall callFor(Verb verb);

}  // namespace airlock::ui
