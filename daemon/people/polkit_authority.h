// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <cstddef>
#include <memory>

#include "daemon/loop/event_loop.h"
#include "daemon/people/authority.h"
#include "daemon/people/callers.h"
#include "lib/base/error.h"

namespace airlock {

// The Authority that asks polkit. It names the caller by its unique bus name, never by a process
// id, which could be another process's by the time polkit looks. It asks about root too, so that
// polkit's rules see it. Only if there is no polkit at all, root may and nobody else. When a caller
// leaves the bus, its questions end.
class PolkitAuthority final : public Authority {
 public:
  struct Limits {
    std::chrono::milliseconds with_interaction{120'000};  // people search for their password
    std::chrono::milliseconds without_interaction{10'000};
    // Open questions; each may be a dialog. Beyond this a question fails with Errc::kLimitExceeded.
    std::size_t most_per_sender = 8;
    std::size_t most_per_user = 32;
  };

  // Never waits. All three must outlive it; it must not be destroyed from within an answer.
  static Result<std::unique_ptr<PolkitAuthority>> create(EventLoop& loop,
                                                         sdbus::IConnection& connection,
                                                         Callers& callers, Limits limits);
  ~PolkitAuthority() override;

  // The answer comes from the loop, never from within this call. Details may contain foreign text:
  // polkit's rules get text that is not clean UTF-8 as quote() writes it.
  std::unique_ptr<PendingQuestion> ask(Question question, Answer answer) override;

 private:
  class Questions;
  class Pending;
  explicit PolkitAuthority(std::shared_ptr<Questions> questions);

  // Late callbacks hold it weakly and check whether it still exists.
  std::shared_ptr<Questions> questions_;
};

}  // namespace airlock
