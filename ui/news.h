// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QStringList>
#include <optional>
#include <vector>

#include "ui/verbs.h"
#include "ui/volume.h"

namespace airlock::ui {

enum class Event {
  kMounted,
  kPlugged,
  kWriting,
  kSafe,
  kCrashed,
  kPulledOut,
  kRefused,
  kUncontained
};

// What happened to a medium, as it is told to a person. All text is plain.
struct News {
  Event event = Event::kMounted;
  QString title;
  QString text;
  QString iconName;
  std::vector<Verb> verbs;
  bool urgent = false;
};

// Whether a change is worth telling, and how. Pure. `automount` is org.airlock1.Manager's.
[[nodiscard]] std::optional<News> newsOf(const Volume& before, const Volume& now,
                                         const Surroundings& around, const QString& automount);
// The same for a medium whose object has gone.
[[nodiscard]] std::optional<News> newsOfLeaving(const Volume& last);

[[nodiscard]] News safeToRemove(const Volume& volume);
// After its drive was ejected: ejecting does not make whole what an earlier end of one of the
// drive's volumes left unwritten.
[[nodiscard]] News ejected(const Volume& volume, const std::vector<Volume>& all);
[[nodiscard]] News stillWriting(const Volume& volume);

}  // namespace airlock::ui
