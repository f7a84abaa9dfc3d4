// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "daemon/loop/event_loop.h"
#include "daemon/policy/settings_files.h"
#include "lib/base/error.h"

namespace airlock {

// Notices when something changes in the folders that settings are read from, even when a folder
// appears or disappears, and reports it once things have been quiet for a moment. Does not read
// settings itself. The loop must outlive it; destroying it ends the calls.
class SettingsWatch {
 public:
  using Changed = std::move_only_function<void()>;

  static Result<SettingsWatch> start(EventLoop& loop, SettingsPlaces places, Changed changed);
  SettingsWatch(SettingsWatch&&) noexcept;
  SettingsWatch& operator=(SettingsWatch&&) noexcept;
  ~SettingsWatch();

  // For SIGHUP: reports now, and drops the changes so far.
  void reload();

 private:
  struct State;
  explicit SettingsWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace airlock
