// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "contained/runtime/file_system.h"
#include "tests/power/history.h"
#include "tests/power/recording_medium.h"

namespace airlock::power {

// Files that were synced long ago and only move: renamed within and across two large folders, into
// new folders and out of them, linked and unlinked, exchanged, among other files that come and go.
// Each of them has a name at every moment.
class Moves {
 public:
  static constexpr std::size_t kFiles = 40;

  Moves(FileSystem& files, RecordingMedium& medium, unsigned seed, NodeId root = 1)
      : files_(files), medium_(medium), random_(seed), root_(root) {}

  // Makes the folders and the files; all must be on the medium before the first judgement.
  std::string prepare();
  // Performs that many operations on a prepared medium; returns the text of the first failure.
  std::string run(int operations);
  // The fault of a tree at any moment of run(); empty if there is none.
  static std::string judge(const Tree& tree);

 private:
  struct Place {
    NodeId folder = 0;
    std::string name;
  };

  unsigned pick(std::size_t below) { return static_cast<unsigned>(random_() % below); }
  static std::string content(std::size_t file);
  std::string fresh_name();
  Outcome<void> find_folders();
  Outcome<void> make_file(NodeId folder, const std::string& name, const std::string& text);
  Outcome<void> rename(Place& from, NodeId to);
  Outcome<void> link_and_unlink(Place& from, NodeId to);
  Outcome<void> exchange(Place& one, Place& other);
  Outcome<void> through_a_folder(Place& place);
  Outcome<void> junk();
  Outcome<void> step();

  FileSystem& files_;
  RecordingMedium& medium_;
  std::mt19937 random_;
  NodeId root_;
  std::vector<NodeId> folders_;
  std::vector<Place> places_;
  std::vector<Place> junk_;
  int names_ = 0;
};

}  // namespace airlock::power
