// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The other end of a filter that asks before some system calls: answers a program of the
// distribution that runs contained. Knows how to answer, and leaves to its user what. Everything in
// a question comes from the program, which may have been taken over: names are text in its memory
// that it can change at any time, so only an answer that does not depend on them afterwards (a
// descriptor, an error) holds it.
class Door {
 public:
  explicit Door(UniqueFd listener) : listener_(std::move(listener)) {}

  // Readable when somebody waits for an answer; hangs up when there is nobody left to ask.
  [[nodiscard]] BorrowedFd listener() const { return listener_.borrow(); }

  // Nothing if the one who asked has ended meanwhile.
  Result<std::optional<seccomp_notif>> next() const;
  // A process number says whose memory is meant only as long as the process waits for an answer.
  // Ask after reading a name, and before believing it.
  [[nodiscard]] bool still_asks(const seccomp_notif& question) const;

  // 0 is no error: it is told that its call went well.
  Result<void> reply(const seccomp_notif& question, int error) const;
  // The kernel carries it out as it stands in its memory then.
  Result<void> let_go_on(const seccomp_notif& question) const;
  // A copy of this descriptor, at its beginning, as the answer of open().
  Result<void> hand_over(const seccomp_notif& question, BorrowedFd file, int flags) const;
  // What stat() would have written there of this file.
  Result<void> describe(const seccomp_notif& question, std::uint64_t into, BorrowedFd file) const;

 private:
  UniqueFd listener_;
};

// An open() or openat().
struct AskedOpening {
  std::uint64_t path = 0;  // an address of the asking process
  int flags = 0;
};
AskedOpening asked_opening(const seccomp_data& data);

// Of a look at a name, the address its answer goes to.
std::optional<std::uint64_t> asked_look(const seccomp_data& data);

// Whether a name stands there, with its end. It must be one of a few letters.
bool is_name_at(const seccomp_notif& question, std::uint64_t address, std::string_view wanted);

// The text there, if it ends within so many bytes (8,192 at most).
std::optional<std::string> text_at(const seccomp_notif& question, std::uint64_t address,
                                   std::size_t most);

}  // namespace airlock
