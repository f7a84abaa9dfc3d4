// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/driver_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <utility>

#include "lib/base/duplicate.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// A driver that is not our child is reaped by its own parent, usually a moment after it ended; only
// then does the kernel tell how it ended.
constexpr auto kBetweenReads = 50ms;
constexpr auto kLookAgain = 20ms;
constexpr int kMostLooks = 25;
// A service manager may be slow to notice; its answer is worth waiting for.
constexpr auto kAskAgain = 100ms;
constexpr int kMostQuestions = 100;

// From linux/pidfd.h of Linux 6.15, the first size of the structure.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
constexpr unsigned long kPidfdGetInfo = _IOWR(0xff, 11, PidfdInfo);
constexpr std::uint64_t kPidfdInfoExit = 1U << 3;

std::optional<ExitCause> cause_from_kernel(Worker& worker) {
  PidfdInfo info{};
  info.mask = kPidfdInfoExit;
  if (::ioctl(worker.life().get(), kPidfdGetInfo, &info) != 0 || (info.mask & kPidfdInfoExit) == 0)
    return std::nullopt;
  siginfo_t ended{};
  const bool exited = WIFEXITED(info.exit_code);
  ended.si_code = exited ? CLD_EXITED : WCOREDUMP(info.exit_code) ? CLD_DUMPED : CLD_KILLED;
  ended.si_status = exited ? WEXITSTATUS(info.exit_code) : WTERMSIG(info.exit_code);
  return worker.cause_of(ended);
}

// The unit that serves the mount, if a service manager started the driver.
std::string unit_of(const LiveMount& mount) {
  return mount.driver.ends_with(".service") ? mount.driver : "";
}

std::string_view kind_word(ExitCause::Kind kind) {
  switch (kind) {
    case ExitCause::Kind::kExited:
      return "exit";
    case ExitCause::Kind::kKilled:
      return "signal";
    case ExitCause::Kind::kForbiddenCall:
      return "forbidden-call";
    case ExitCause::Kind::kOutOfMemory:
      return "out-of-memory";
  }
  std::abort();  // a Kind outside the enumeration is a bug
}

}  // namespace

WatchedDriver::Subscription& WatchedDriver::Subscription::operator=(Subscription&& other) noexcept {
  if (this == &other) return *this;
  reset();
  driver_ = std::move(other.driver_);
  place_ = other.place_;
  return *this;
}

WatchedDriver::Subscription::~Subscription() {
  reset();
}

void WatchedDriver::Subscription::reset() {
  const auto driver = std::move(driver_);
  if (driver) driver->callbacks_.erase(place_);
}

Result<std::shared_ptr<WatchedDriver>> WatchedDriver::create(EventLoop& loop, pid_t pid,
                                                             BorrowedFd life, BorrowedFd log,
                                                             Service service) {
  Worker worker({.pid = pid,
                 .life = duplicate(life).value_or(UniqueFd()),
                 .log = duplicate(log).value_or(UniqueFd()),
                 .group = WorkerCgroup::of(pid)});
  auto driver = std::shared_ptr<WatchedDriver>(
      new WatchedDriver(loop, std::move(worker), std::move(service)));
  TRY_VOID(driver->start());
  return driver;
}

// Takes the descriptors out of the loop before the worker closes them: the mount's own copies keep
// them in epoll, where a closed descriptor can't be removed any more.
WatchedDriver::~WatchedDriver() {
  on_life_.reset();
  on_log_.reset();
  rest_.reset();
  worker_.let_go();
}

Result<void> WatchedDriver::start() {
  TRY(on_life_, loop_.watch(worker_.life(), EPOLLIN, [this](auto) { look(); }));
  if (!worker_.log().valid()) return {};
  TRY(on_log_,
      loop_.watch(worker_.log(), EPOLLIN, [this](std::uint32_t events) { read_log(events); }));
  return {};
}

// Pauses between reads, because a driver that writes all the time would keep us reading. Lines that
// do not fit into the pipe meanwhile are lost, but only the last ones count anyway.
void WatchedDriver::read_log(std::uint32_t events) {
  worker_.read_log();
  if ((events & EPOLLIN) == 0) return on_log_.reset();  // hung up, and empty
  auto rest = loop_.after(kBetweenReads, [this] { (void)on_log_.set_events(EPOLLIN); });
  if (!rest) return;
  rest_ = std::move(*rest);
  on_log_.pause();
}

bool WatchedDriver::over() const {
  pollfd life{.fd = worker_.life().get(), .events = POLLIN, .revents = 0};
  return ended() || ::poll(&life, 1, /*timeout=*/0) == 1;
}

void WatchedDriver::look() {
  auto cause = worker_.try_reap();
  if (cause && !*cause) return;  // not yet
  if (cause) return finish({.cause = **cause});
  worker_.read_log();
  if (auto told = cause_from_kernel(worker_)) return finish({.cause = *told});
  on_life_.reset();
  if (++looks_ > (service_ ? kMostQuestions : kMostLooks)) return finish({});
  if (service_) return ask_service();
  look_again(kLookAgain);
}

void WatchedDriver::look_again(std::chrono::milliseconds later) {
  auto again = loop_.after(later, [this] { look(); });
  if (!again) return finish({});
  later_ = std::move(*again);
}

void WatchedDriver::ask_service() {
  service_->ask([this](const ServiceAnswer& answer) { service_told(answer); });
}

// Does not finish here: a subscriber may destroy this, and with it the service that is calling us.
void WatchedDriver::service_told(const ServiceAnswer& answer) {
  if (answer.known && !answer.ended) return look_again(kAskAgain);
  DriverEnd end;
  if (answer.ended)
    end.cause =
        exit_cause(*answer.ended, worker_.last_lines(), {.memory_ran_out = answer.out_of_memory});
  auto soon = loop_.soon([this, end] {
    service_.reset();
    finish(end);
  });
  if (soon)
    later_ = std::move(*soon);
  else
    log(LogLevel::kError, "no timer: {}", soon.error().message());
}

void WatchedDriver::finish(DriverEnd end) {
  on_life_.reset();
  on_log_.reset();
  rest_.reset();
  later_.reset();
  end_ = end;
  tell();
}

// A callback may destroy its own subscription or another one, and with the last of them this
// object.
void WatchedDriver::tell() {
  const auto alive = shared_from_this();
  bool told = true;
  while (told) {
    told = false;
    for (OnEnd& callback : callbacks_) {
      if (!callback) continue;
      auto call = std::exchange(callback, {});
      call(*end_);
      told = true;
      break;
    }
  }
}

WatchedDriver::Subscription WatchedDriver::on_end(OnEnd callback) {
  Subscription subscription;
  subscription.driver_ = shared_from_this();
  subscription.place_ = callbacks_.insert(callbacks_.end(), std::move(callback));
  if (!ended()) return subscription;
  if (auto soon = loop_.soon([this] { tell(); })) later_ = std::move(*soon);
  return subscription;
}

std::vector<std::string> WatchedDriver::last_lines() const {
  const auto& lines = worker_.last_lines().lines();
  return {lines.begin(), lines.end()};
}

std::shared_ptr<WatchedDriver> DriverWatches::of(const LiveMount& mount) {
  return of(mount.driver_pid, mount.life.borrow(), mount.log.borrow(), unit_of(mount));
}

std::shared_ptr<WatchedDriver> DriverWatches::of(pid_t pid, BorrowedFd life, BorrowedFd log,
                                                 const std::string& unit) {
  std::erase_if(watched_, [](const auto& entry) { return entry.second.expired(); });
  if (pid <= 0 || !life.valid()) return nullptr;
  // A new process may have the number of a driver that has ended.
  const auto known = watched_.find(pid);
  if (known != watched_.end())
    if (auto driver = known->second.lock(); driver && !driver->ended()) return driver;
  WatchedDriver::Service service;
  if (services_ != nullptr && !unit.empty()) service = services_->keep(unit, pid);
  auto driver = WatchedDriver::create(loop_, pid, life, log, std::move(service));
  if (!driver) {
    airlock::log(LogLevel::kError, "cannot watch the driver {}: {}", pid, driver.error().message());
    return nullptr;
  }
  watched_[pid] = *driver;
  return *driver;
}

namespace {

// A library may write to standard error too; our drivers begin their lines with their name.
std::string own_last_words(const std::vector<std::string>& lines) {
  for (const std::string& line : lines | std::views::reverse)
    if (line.starts_with("airlock-")) return line;
  return lines.empty() ? std::string() : lines.back();
}

}  // namespace

Mounting::UnmountResult last_word(const DriverEnd& end, const WatchedDriver& driver,
                                  DriverOrigin origin) {
  if (end.clean())
    return {.flushed = true, .vouched = origin == DriverOrigin::kOurs, .warning = ""};
  constexpr int kGaveUp = 1;  // after saying why
  const std::string words = own_last_words(driver.last_lines());
  if (end.cause && end.cause->kind == ExitCause::Kind::kExited && end.cause->code == kGaveUp &&
      !words.empty())
    return {.warning = "the latest changes may be lost: the driver says " + quote(words)};
  const std::string how = end.cause ? end.cause->describe() : "ended, and it is unknown how";
  return {.warning = "the driver " + how + ", so the latest changes may be lost"};
}

DriverDeath describe_death(const DriverEnd& end) {
  DriverDeath death;
  death.when = std::chrono::system_clock::now();
  if (!end.cause) {
    death.kind = "unknown";
    death.cause = "ended, and it is unknown how";
    return death;
  }
  death.kind = kind_word(end.cause->kind);
  death.cause = end.cause->describe();
  death.signal_number = end.cause->signal_number;
  death.exit_code = end.cause->code;
  death.forbidden_call = end.cause->forbidden_call;
  return death;
}

}  // namespace airlock
