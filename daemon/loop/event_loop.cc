// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/event_loop.h"

#include <signal.h>

#include <utility>
#include <variant>

namespace airlock {

// Lives as long as the EventSource or its running callback, whichever is longer: a callback may
// destroy its own source.
struct EventSource::State {
  sd_event_source* source = nullptr;
  std::variant<EventLoop::Callback, EventLoop::ReadyCallback> callback;
  EventLoop::Callback before_waiting;
  bool running = false;
  bool abandoned = false;

  void stop() {
    if (source == nullptr) return;
    sd_event_source_disable_unref(source);
    source = nullptr;
  }

  // Calls back, and cleans up if the source was destroyed meanwhile.
  template <typename Call>
  static void run(State* state, Call call) noexcept {
    state->running = true;
    call();
    state->running = false;
    if (state->abandoned) delete state;
  }
};

namespace {

using State = EventSource::State;

int on_ready(sd_event_source* /*source*/, int /*fd*/, std::uint32_t events, void* data) noexcept {
  auto* state = static_cast<State*>(data);
  State::run(state, [&] { std::get<EventLoop::ReadyCallback>(state->callback)(events); });
  return 0;
}

void call_plain(void* data) noexcept {
  auto* state = static_cast<State*>(data);
  State::run(state, [&] { std::get<EventLoop::Callback>(state->callback)(); });
}

int on_time(sd_event_source* /*source*/, std::uint64_t /*now*/, void* data) noexcept {
  call_plain(data);
  return 0;
}

int on_defer(sd_event_source* /*source*/, void* data) noexcept {
  call_plain(data);
  return 0;
}

int on_signal_event(sd_event_source* /*source*/, const signalfd_siginfo* /*info*/,
                    void* data) noexcept {
  call_plain(data);
  return 0;
}

int on_prepare(sd_event_source* /*source*/, void* data) noexcept {
  auto* state = static_cast<State*>(data);
  State::run(state, [&] { state->before_waiting(); });
  return 0;
}

std::uint64_t microseconds(EventLoop::Time time) {
  const auto since_boot =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
  return since_boot.count() < 0 ? 0 : static_cast<std::uint64_t>(since_boot.count());
}

// Turns sd-event's answer into ours: the state becomes a source, or goes with the failure.
Result<EventSource> finish(std::unique_ptr<State> state, int answer, const char* what) {
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "wait for {}", what);
  return EventSource(std::move(state));
}

}  // namespace

EventSource::EventSource() = default;
EventSource::EventSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventSource::EventSource(EventSource&& other) noexcept = default;

EventSource& EventSource::operator=(EventSource&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::move(other.state_);
  }
  return *this;
}

EventSource::~EventSource() {
  reset();
}

void EventSource::reset() {
  if (!state_) return;
  state_->stop();
  if (!state_->running) return state_.reset();
  state_->abandoned = true;
  (void)state_.release();  // deleted when its callback returns
}

Result<void> EventSource::before_waiting(std::move_only_function<void()> callback) {
  state_->before_waiting = std::move(callback);
  const int answer = sd_event_source_set_prepare(state_->source, on_prepare);
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "be called before waiting");
  return {};
}

Result<void> EventSource::set_events(std::uint32_t events) {
  int answer = sd_event_source_set_io_events(state_->source, events);
  if (answer >= 0) answer = sd_event_source_set_enabled(state_->source, SD_EVENT_ON);
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "wait for other events");
  return {};
}

Result<void> EventSource::set_time(std::chrono::steady_clock::time_point time) {
  int answer = sd_event_source_set_time(state_->source, microseconds(time));
  if (answer >= 0) answer = sd_event_source_set_enabled(state_->source, SD_EVENT_ONESHOT);
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "wait for another time");
  return {};
}

void EventSource::pause() {
  // Fails only for a source of a forked parent, which must not be touched anyway.
  (void)sd_event_source_set_enabled(state_->source, SD_EVENT_OFF);
}

Result<EventLoop> EventLoop::create() {
  sd_event* event = nullptr;
  if (const int answer = sd_event_new(&event); answer < 0)
    return fail_errno(-answer, Errc::kSystem, "make an event loop");
  return EventLoop(event);
}

Result<EventSource> EventLoop::watch(BorrowedFd descriptor, std::uint32_t events,
                                     ReadyCallback callback) {
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  const int answer =
      sd_event_add_io(handle(), &state->source, descriptor.get(), events, on_ready, state.get());
  return finish(std::move(state), answer, "a descriptor");
}

Result<EventSource> EventLoop::at(Time time, Callback callback) {
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  // The accuracy lets the kernel combine timers; none of ours needs to be finer.
  constexpr std::uint64_t kAccuracy = 1'000;
  const int answer = sd_event_add_time(handle(), &state->source, CLOCK_MONOTONIC,
                                       microseconds(time), kAccuracy, on_time, state.get());
  return finish(std::move(state), answer, "a point in time");
}

Result<EventSource> EventLoop::after(std::chrono::milliseconds delay, Callback callback) {
  return at(std::chrono::steady_clock::now() + delay, std::move(callback));
}

Result<EventSource> EventLoop::soon(Callback callback) {
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  const int answer = sd_event_add_defer(handle(), &state->source, on_defer, state.get());
  return finish(std::move(state), answer, "the next round");
}

Result<EventSource> EventLoop::on_signal(int signal_number, Callback callback) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, signal_number);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr); error != 0)
    return fail_errno(error, Errc::kSystem, "block signal {}", signal_number);
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  const int answer =
      sd_event_add_signal(handle(), &state->source, signal_number, on_signal_event, state.get());
  return finish(std::move(state), answer, "a signal");
}

Result<int> EventLoop::run() {
  const int answer = sd_event_loop(handle());
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "run the event loop");
  return answer;
}

void EventLoop::stop(int exit_code) {
  sd_event_exit(handle(), exit_code);
}

Result<bool> EventLoop::run_once(std::chrono::milliseconds at_most) {
  const auto timeout = static_cast<std::uint64_t>(at_most.count()) * 1'000;
  const int answer = sd_event_run(handle(), timeout);
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "run the event loop");
  return answer > 0;
}

}  // namespace airlock
