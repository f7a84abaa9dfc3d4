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
  kHealed,
  kPulledOut,
  kRefused,
  kUncontained
};

// An event of a medium, in words for a person. All text is plain.
struct News {
  Event event = Event::kMounted;
  QString title;
  QString text;
  QString iconName;
  std::vector<Verb> verbs;
  bool urgent = false;
};

// The news about a change, if it is worth reporting. Pure. `automount` comes from
// org.airlock1.Manager.
[[nodiscard]] std::optional<News> newsOf(const Volume& before, const Volume& now,
                                         const Surroundings& around, const QString& automount);
// The same for a medium whose object has gone.
[[nodiscard]] std::optional<News> newsOfLeaving(const Volume& last);

[[nodiscard]] News safeToRemove(const Volume& volume);
// After its drive was ejected: an eject does not repair an earlier incomplete unmount of another
// volume of the drive.
[[nodiscard]] News ejected(const Volume& volume, const std::vector<Volume>& all);
[[nodiscard]] News stillWriting(const Volume& volume);

}  // namespace airlock::ui
