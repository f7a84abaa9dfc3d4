// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <utility>

#include "contained/runtime/door.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock::check {

enum class Access { kReadOnly, kReadWrite };

// Answers a checker that opens files. Checkers open by path, and exclusively, what airlockd holds
// exclusively already; so there is no node for the medium anywhere, and who opens kMediumPath gets
// a copy of the descriptor that came from airlockd, in the mode it has. Any other name is looked
// up as usual, where there is nothing but libraries to be found.
class Doorkeeper {
 public:
  Doorkeeper(UniqueFd listener, BorrowedFd medium, Access access)
      : door_(std::move(listener)), medium_(medium), access_(access) {}

  // Readable when somebody waits for an answer; hangs up when there is nobody left to ask.
  [[nodiscard]] BorrowedFd listener() const { return door_.listener(); }
  Result<void> answer_one() const;
  // Answers a question that was taken from the listener. Nobody hears it if who asked has ended.
  Result<void> answer(const seccomp_notif& question) const;

 private:
  Door door_;
  BorrowedFd medium_;
  Access access_;
};

}  // namespace airlock::check
