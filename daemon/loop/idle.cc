// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/idle.h"

#include <utility>

#include "lib/base/log.h"

namespace airlock {

struct Idle::State {
  EventLoop* loop = nullptr;  // nullptr once the Idle is gone
  std::chrono::milliseconds grace{};
  EventLoop::Callback on_idle;
  std::size_t held = 0;
  bool started = false;
  EventSource timer;

  void review() {
    timer.reset();
    if (loop == nullptr || !started || held > 0 || grace.count() == 0) return;
    auto after = loop->after(grace, [this] { on_idle(); });
    if (after)
      timer = std::move(*after);
    else
      log(LogLevel::kWarning, "airlockd will not end automatically: {}", after.error().message());
  }
};

Idle::Idle(EventLoop& loop, std::chrono::milliseconds grace, EventLoop::Callback on_idle)
    : state_(std::make_shared<State>()) {
  state_->loop = &loop;
  state_->grace = grace;
  state_->on_idle = std::move(on_idle);
}

Idle::~Idle() {
  state_->loop = nullptr;
  state_->timer.reset();
}

void Idle::start() {
  state_->started = true;
  state_->review();
}

Idle::Token Idle::hold() {
  ++state_->held;
  state_->timer.reset();
  return Token(std::shared_ptr<void>(state_.get(), [state = state_](void*) {
    --state->held;
    state->review();
  }));
}

}  // namespace airlock
