// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// One thing that an EventLoop waits for. Destroying it ends the waiting: the callback is not called
// any more, not even for an event that has happened already. It may be destroyed from within its
// own callback.
class [[nodiscard]] EventSource {
 public:
  struct State;

  EventSource();
  explicit EventSource(std::unique_ptr<State> state);
  EventSource(EventSource&& other) noexcept;
  EventSource& operator=(EventSource&& other) noexcept;
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;
  ~EventSource();

  [[nodiscard]] bool active() const { return state_ != nullptr; }
  void reset();

  // For libraries that decide themselves what to wait for (a bus connection): the callback runs
  // each time the loop is about to wait, and may change what this and other sources wait for.
  Result<void> before_waiting(std::move_only_function<void()> callback);
  // For a source made by watch(): the events that it waits for from now on.
  Result<void> set_events(std::uint32_t events);
  // For a source made by at() or after(): waits for this time, even if it was called already.
  Result<void> set_time(std::chrono::steady_clock::time_point time);
  // Keeps the source, but does not call it until set_time() or set_events().
  void pause();

 private:
  std::unique_ptr<State> state_;
};

// The daemon's only loop: an sd_event with C++ callbacks. Everything airlockd does starts in one of
// its callbacks, and none of them may wait. The loop must outlive its sources. A forked process
// must not touch it.
class EventLoop {
 public:
  using Callback = std::move_only_function<void()>;
  using ReadyCallback = std::move_only_function<void(std::uint32_t events)>;  // EPOLLIN and so on
  using Time = std::chrono::steady_clock::time_point;

  static Result<EventLoop> create();
  EventLoop(EventLoop&&) noexcept = default;
  EventLoop& operator=(EventLoop&&) noexcept = default;
  ~EventLoop() = default;

  // Called whenever one of the events (EPOLLIN, ...) holds. The descriptor must stay open as long
  // as the source lives. A pidfd is ready for EPOLLIN once its process has ended.
  Result<EventSource> watch(BorrowedFd descriptor, std::uint32_t events, ReadyCallback callback);
  // Called once. A timer in the past is called in the next round.
  Result<EventSource> at(Time time, Callback callback);
  Result<EventSource> after(std::chrono::milliseconds delay, Callback callback);
  // Called once, in the next round: for actions that must not happen within the current call.
  Result<EventSource> soon(Callback callback);
  // Called whenever the signal arrives; blocks it for the process, so call it before any thread.
  Result<EventSource> on_signal(int signal_number, Callback callback);

  // Runs until stop(); returns its exit code.
  Result<int> run();
  void stop(int exit_code);
  // One round: waits at most this long for an event. Returns true if there was one.
  Result<bool> run_once(std::chrono::milliseconds at_most);

  [[nodiscard]] sd_event* handle() const { return event_.get(); }

 private:
  struct Unref {
    void operator()(sd_event* event) const noexcept { sd_event_unref(event); }
  };
  explicit EventLoop(sd_event* event) : event_(event) {}

  std::unique_ptr<sd_event, Unref> event_;
};

}  // namespace airlock
