// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "lib/base/error.h"

namespace airlock {

// The one answer to a request. Copies stand for the same request: whatever path it takes, and
// however many parts of the daemon try to end it, only the first answer is given. If the last copy
// is destroyed without one, the request is refused.
template <typename T>
class Reply {
 public:
  using Send = std::move_only_function<void(Result<T>)>;

  Reply() = default;  // to nobody
  template <typename F>
    requires(!std::same_as<std::remove_cvref_t<F>, Reply>)
  Reply(F&& send)  // NOLINT(google-explicit-constructor): stands where a function stood
      : state_(std::make_shared<State>(std::forward<F>(send))) {}

  void give(Result<T> result) const {
    if (state_) state_->give(std::move(result));
  }
  void refuse(Error error) const { give(std::unexpected(std::move(error))); }
  void operator()(Result<T> result) const { give(std::move(result)); }

  // Holds something until the answer is given.
  void attach(std::shared_ptr<void> held) const {
    if (state_) state_->held = std::move(held);
  }

 private:
  struct State {
    explicit State(Send to) : send(std::move(to)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { give(fail(Errc::kPeerGone, "airlockd stopped before it was done")); }

    void give(Result<T> result) {
      if (!send) return;
      auto once = std::exchange(send, {});
      held.reset();
      once(std::move(result));
    }

    Send send;
    std::shared_ptr<void> held;
  };

  std::shared_ptr<State> state_;
};

// For code that reports only failures.
template <typename T>
std::move_only_function<void(Error)> refuse_with(Reply<T> reply) {
  return [reply = std::move(reply)](Error error) { reply.refuse(std::move(error)); };
}

}  // namespace airlock
