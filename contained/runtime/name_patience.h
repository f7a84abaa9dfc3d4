// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <mutex>

#include "contained/runtime/file_system.h"

namespace airlock {

// How long the kernel may believe that a name leads where it was told. Nobody else changes the
// medium, so that is for good; but where a file is found under several spellings, the kernel takes
// them for different names, and removing or moving the file by one of them leaves it believing in
// the others: what is then written to such a name would go into the file that was moved away. From
// the first use of another spelling on names are not believed at all there, and the answer to that
// first use waits until nothing is believed any more. Until then a name is believed for good where
// the kernel forgets all of them when it is told to, otherwise for a moment.
class NamePatience {
 public:
  // Seconds.
  static constexpr double kForGood = 86400.0;
  static constexpr double kMoment = 0.2;

  // What a name was told in answer to. The kernel forgets an answer about one name even if it was
  // under way when it was told to, but what is listed it takes in whenever it comes to it.
  enum class Told { kAlone, kInList };

  // Makes the kernel forget every name; false where it would not.
  using Forget = std::function<bool()>;
  // The kernel has forgotten every name once before, when it was asked to.
  void forget_with(Forget forget);

  // To be asked before each answer that tells where a name leads. May wait.
  double seconds(FileSystem::Names names, bool other_spelling, Told told);

 private:
  std::mutex mutex_;
  Forget forget_;
  bool several_spellings_ = false;
  // When the kernel will believe nothing of what it was told for a moment.
  std::chrono::steady_clock::time_point forgotten_at_;
};

}  // namespace airlock
