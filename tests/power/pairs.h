// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

#include "tests/power/actor.h"
#include "tests/power/recording_medium.h"

namespace airlock::power {

// Every pair of operations on two folders and two files, each operation followed by no sync, the
// sync of a file, or the sync of everything. Most faults need only two operations, and here no pair
// is left to chance.
class Pairs {
 public:
  static std::size_t count();

  Pairs(FileSystem& files, RecordingMedium& medium, History& history, NodeId root)
      : medium_(medium), history_(history), actor_(files, history, root) {}

  // Makes the files and folders; synced, and the log begins behind them. Returns the failure, or
  // nothing.
  std::string prepare();
  // Runs the pair of that number; only a part of it if the second operation is impossible after the
  // first.
  std::string run(std::size_t number);

 private:
  using Object = Actor::Object;
  using Done = Actor::Done;
  using Operation = Done (Pairs::*)();
  struct Table;

  Done make_all();
  std::string step(Done done);
  std::string text(Object file, std::size_t length);

  Done make_file();
  Done make_folder();
  Done remove_first();
  Done remove_second();
  Done remove_empty();
  Done rename_first();
  Done move_first();
  Done move_first_into_empty();
  Done first_over_second();
  Done second_over_first();
  Done move_empty();
  Done move_full_folder();
  Done append_first();
  Done append_second();
  Done overwrite_first();
  Done leave_a_hole();
  Done shrink_first();
  Done extend_first();
  Done no_sync();
  Done sync_first();
  Done sync_all();

  Done move(Object object, Object parent, const char* name);
  Done move_over(Object object, Object other);
  Done remove(Object object);

  RecordingMedium& medium_;
  History& history_;
  Actor actor_;
  Object one_ = 0;
  Object two_ = 0;
  Object empty_ = 0;
  Object first_ = 0;
  Object second_ = 0;
  unsigned texts_ = 0;
};

}  // namespace airlock::power
