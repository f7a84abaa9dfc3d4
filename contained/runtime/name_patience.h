// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <mutex>

#include "contained/runtime/file_system.h"

namespace airlock {

// How long the kernel may believe that a name leads where it was told. Nobody else changes the
// medium, so that is for good; but where a file is found under several spellings, the kernel takes
// them for different names, and removing or moving the file by one of them leaves it believing in
// the others: what is then written to such a name would go into the file that was moved away. There
// names are believed for a moment, and from the first use of another spelling on not at all; the
// answer to that first use waits until nothing is believed any more.
class NamePatience {
 public:
  // Seconds.
  static constexpr double kForGood = 86400.0;
  static constexpr double kMoment = 0.2;

  // To be asked before each answer that tells where a name leads. May wait.
  double seconds(FileSystem::Names names, bool other_spelling);

 private:
  std::mutex mutex_;
  bool several_spellings_ = false;
  // When the kernel will believe nothing of what it was told.
  std::chrono::steady_clock::time_point forgotten_at_;
};

}  // namespace airlock
