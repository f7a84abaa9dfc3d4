// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <random>
#include <string>

#include "contained/runtime/file_system.h"
#include "tests/power/actor.h"
#include "tests/power/history.h"
#include "tests/power/recording_medium.h"

namespace airlock::power {

struct WorkloadOptions {
  unsigned seed = 1;
  NodeId root = 1;
  std::size_t most_files = 24;
  std::size_t most_folders = 6;
  unsigned most_bytes = 9000;      // in one write
  bool sync_single_files = false;  // fsync of one file, besides sync of everything
  bool replace_folders = true;     // rename over an empty one
};

// Performs random operations on a mounted filesystem, tells them to a History, and marks in the
// medium's log where each was answered. Uses the driver's request interface, so it works with any
// driver.
class Workload {
 public:
  Workload(FileSystem& files, RecordingMedium& medium, History& history,
           const WorkloadOptions& options);

  // Performs that many operations; returns the text of the first failure, or nothing.
  std::string run(int operations);

 private:
  using Object = History::Object;
  using Done = Actor::Done;

  unsigned pick(std::size_t below);
  Object pick_of(bool folder);
  Object pick_folder();
  std::string pick_name();
  [[nodiscard]] std::size_t count(bool folder) const;

  Done step();
  Done make(bool folder);
  Done write_some();
  Done resize();
  Done rename_some(bool folder, bool replace);
  Done remove_some(bool folder);
  Done sync();

  RecordingMedium& medium_;
  History& history_;
  WorkloadOptions options_;
  std::mt19937 random_;
  Actor actor_;
};

}  // namespace airlock::power
