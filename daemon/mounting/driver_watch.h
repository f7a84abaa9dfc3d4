// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/launch/exit_cause.h"
#include "daemon/launch/service_manager.h"
#include "daemon/launch/worker.h"
#include "daemon/loop/event_loop.h"
#include "daemon/mount/driver_start.h"
#include "daemon/mounting/mounting.h"

namespace airlock {

// How a driver ended.
struct DriverEnd {
  std::optional<ExitCause> cause;  // nothing: it is gone, and it is unknown how it ended
  [[nodiscard]] bool clean() const { return cause && cause->clean(); }
};

// Watches one driver's process: keeps the last lines it wrote, reaps it, and tells all subscribers
// how it ended. Watching does not own: the driver outlives this object.
class WatchedDriver : public std::enable_shared_from_this<WatchedDriver> {
 public:
  using OnEnd = std::move_only_function<void(const DriverEnd&)>;
  // Destroying it ends the notification. While it exists, the driver stays watched.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&&) noexcept = default;
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription();
    void reset();

   private:
    friend class WatchedDriver;
    std::shared_ptr<WatchedDriver> driver_;
    std::list<OnEnd>::iterator place_;
  };

  using Service = std::unique_ptr<ServiceManager::Service>;

  // The descriptors are copied. `service` is asked how the driver ended if the kernel can't tell.
  static Result<std::shared_ptr<WatchedDriver>> create(EventLoop& loop, pid_t pid, BorrowedFd life,
                                                       BorrowedFd log, Service service = nullptr);
  ~WatchedDriver();

  // Called once from the loop, even if the driver has ended already.
  Subscription on_end(OnEnd callback);
  [[nodiscard]] bool ended() const { return end_.has_value(); }
  // The process has ended, though the loop may still have to find out how, and to tell.
  [[nodiscard]] bool over() const;
  [[nodiscard]] const std::optional<DriverEnd>& end() const { return end_; }
  [[nodiscard]] std::vector<std::string> last_lines() const;
  [[nodiscard]] pid_t pid() const { return worker_.pid(); }
  void terminate() { worker_.terminate(); }
  void kill() { worker_.kill(); }

 private:
  WatchedDriver(EventLoop& loop, Worker worker, Service service)
      : loop_(loop), worker_(std::move(worker)), service_(std::move(service)) {}
  Result<void> start();
  void read_log(std::uint32_t events);
  void look();
  void look_again(std::chrono::milliseconds later);
  void ask_service();
  void service_told(const ServiceAnswer& answer);
  void finish(DriverEnd end);
  void tell();

  EventLoop& loop_;
  Worker worker_;
  Service service_;
  int looks_ = 0;
  std::optional<DriverEnd> end_;
  std::list<OnEnd> callbacks_;
  EventSource on_life_, on_log_, rest_, later_;
};

// The watched drivers. However many ask, each process is watched and reaped once.
class DriverWatches {
 public:
  // `services` may know how drivers ended that something else started; nullptr: there is none.
  explicit DriverWatches(EventLoop& loop, ServiceManager* services = nullptr)
      : loop_(loop), services_(services) {}
  // Returns nullptr if the driver's process is not known.
  std::shared_ptr<WatchedDriver> of(const LiveMount& mount);
  std::shared_ptr<WatchedDriver> of(pid_t pid, BorrowedFd life, BorrowedFd log,
                                    const std::string& unit = "");

 private:
  EventLoop& loop_;
  ServiceManager* services_;
  std::map<pid_t, std::weak_ptr<WatchedDriver>> watched_;
};

// What a driver's end says about the data written through it.
Mounting::UnmountResult last_word(const DriverEnd& end, const WatchedDriver& driver,
                                  DriverOrigin origin);

// Describes a death: everything but the last lines.
DriverDeath describe_death(const DriverEnd& end);

}  // namespace airlock
