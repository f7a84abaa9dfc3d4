// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"

namespace sdbus {
class IConnection;
}

namespace airlock {

// Our connection to the system bus (or to the one in DBUS_SYSTEM_BUS_ADDRESS), driven by the
// EventLoop. It serves nothing itself: objects and proxies are made on connection(), and only by
// functions that take an IConnection&, since sdbus-c++ starts a thread for all others. Only open()
// waits for the bus; call it before the loop runs.
class BusSource {
 public:
  using Gone = std::move_only_function<void(Error)>;
  using Work = std::move_only_function<void()>;
  using NameTaken = std::move_only_function<void(Result<void>)>;
  using Left = std::move_only_function<void(const std::string& sender)>;

  // `gone` is called once, from the loop, when the bus has ended the connection; after that nothing
  // is sent or received. The loop must outlive the source.
  static Result<std::unique_ptr<BusSource>> open(EventLoop& loop, Gone gone);
  ~BusSource();
  BusSource(const BusSource&) = delete;
  BusSource& operator=(const BusSource&) = delete;

  [[nodiscard]] sdbus::IConnection& connection() { return *connection_; }
  // For code that may answer after this object is gone, even if nobody gets the answer.
  [[nodiscard]] std::shared_ptr<sdbus::IConnection> share() { return connection_; }

  // The last step of the start, when everything is exported: from then on people can find us.
  // Errc::kBusy if another process has the name. Calls `done` once; at once if the bus is gone
  // already.
  void acquire_name(const std::string& name, NameTaken done);

  // Releases the name, and waits for the bus: only after the loop has ended.
  void release_name(const std::string& name) noexcept;

  // Call this while a message is handled. Does the work once the library has finished with the
  // message and before the next one. Objects may be destroyed then, even the one that was called.
  void after_message(Work work) { work_.push_back(std::move(work)); }

  // Called, as with after_message(), for every unique name that leaves the bus.
  void on_left(Left callback) { left_ = std::move(callback); }

 private:
  struct Subscriptions;

  BusSource(EventLoop& loop, std::shared_ptr<sdbus::IConnection> connection, Gone gone);
  Result<void> attach();
  Result<void> follow_names();
  void look_up_waiting();
  void wait_until(std::chrono::microseconds deadline);
  void process();
  bool process_one();
  void do_work();
  void end(Error error);

  EventLoop& loop_;
  std::shared_ptr<sdbus::IConnection> connection_;
  Gone gone_;
  Left left_;
  std::deque<Work> work_;
  std::unique_ptr<Subscriptions> subscriptions_;
  EventSource ready_;
  EventSource timer_;
  EventSource parting_;
};

}  // namespace airlock
