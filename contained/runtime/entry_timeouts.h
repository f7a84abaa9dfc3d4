// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <mutex>

#include "contained/runtime/file_system.h"

namespace airlock {

// How long the kernel may cache the answer to a lookup.
//
// No other program changes the medium, so the answer stays true. But on a medium where a file is
// found under several spellings, the kernel caches each spelling as a name of its own. After it
// removes or moves the file under one spelling, it still believes the others, and what a program
// then writes to such a name would go into the file that was moved away. So once a program has used
// another spelling, the kernel may cache no name of this medium, and the answer to that first use
// waits until the kernel has dropped all earlier names: at once if it can be made to forget them,
// otherwise when their short timeout has passed.
class EntryTimeouts {
 public:
  // Seconds.
  static constexpr double kForGood = 86400.0;
  static constexpr double kMoment = 0.2;

  // What the answer is part of. If the kernel is made to forget its names while an answer is under
  // way, it drops the answer to a lookup; the entries of a listing it caches whenever it reads
  // them.
  enum class Reply { kLookup, kListing };

  // Makes the kernel forget every name; false if the kernel refuses.
  using Forget = std::function<bool()>;
  // Call it only after the kernel has obeyed once.
  void forget_with(Forget forget);

  // The timeout for an answer that is about to be sent. May wait.
  double seconds(FileSystem::Names names, bool other_spelling, Reply reply);

 private:
  std::mutex mutex_;
  Forget forget_;
  bool several_spellings_ = false;
  // When the last name with a short timeout expires.
  std::chrono::steady_clock::time_point forgotten_at_;
};

}  // namespace airlock
