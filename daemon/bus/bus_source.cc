// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_source.h"

#include <sys/epoll.h>

#include <utility>

#include "daemon/bus/sdbus_bridge.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

// After this many messages the rest of the daemon gets its turn.
constexpr int kMostMessagesPerRound = 16;

constexpr const char* kBusName = "org.freedesktop.DBus";
constexpr const char* kBusPath = "/org/freedesktop/DBus";
constexpr std::uint32_t kDoNotQueue = 4;    // flag of RequestName
constexpr std::uint32_t kPrimaryOwner = 1;  // its answers
constexpr std::uint32_t kAlreadyOwner = 4;

std::unexpected<Error> bus_failure(const std::exception& problem, std::string_view what) {
  return fail(Errc::kPeerGone, "{}: {}", what, problem.what());
}

Result<void> judge_name_answer(sdbus_bridge::MaybeError error, std::uint32_t answer,
                               const std::string& name) {
  if (error) return bus_failure(*error, "take the bus name " + name);
  if (answer == kPrimaryOwner || answer == kAlreadyOwner) return {};
  return fail(Errc::kBusy, "take the bus name {}: somebody else has it", name);
}

}  // namespace

struct BusSource::Subscriptions {
  std::unique_ptr<sdbus::IProxy> bus;  // the bus itself
  sdbus::Slot names;
};

Result<std::unique_ptr<BusSource>> BusSource::open(EventLoop& loop, Gone gone) {
  std::shared_ptr<sdbus::IConnection> connection;
  try {
    connection = sdbus::createSystemBusConnection();
  } catch (const sdbus::Error& problem) {
    return bus_failure(problem, "connect to the system bus");
  }
  std::unique_ptr<BusSource> source(new BusSource(loop, std::move(connection), std::move(gone)));
  TRY_VOID(source->follow_names());
  TRY_VOID(source->attach());
  return source;
}

BusSource::BusSource(EventLoop& loop, std::shared_ptr<sdbus::IConnection> connection, Gone gone)
    : loop_(loop), connection_(std::move(connection)), gone_(std::move(gone)) {}

BusSource::~BusSource() = default;

// One match for all names: the bus knows a caller before we do, so we never miss a caller that
// leaves right after its call.
Result<void> BusSource::follow_names() {
  const auto on_change = [this](auto&& message) {
    // Anybody may send such a signal directly to us; the match does not prevent that.
    if (std::string(message.getSender()) != kBusName) return;
    std::string name;
    std::string old_owner;
    std::string new_owner;
    message >> name >> old_owner >> new_owner;
    after_message([this, name = std::move(name)] {
      if (left_) left_(name);
    });
  };
  try {
    subscriptions_ = std::make_unique<Subscriptions>();
    subscriptions_->bus = sdbus_bridge::proxy(*connection_, kBusName, kBusPath);
    subscriptions_->names = sdbus_bridge::add_match(
        *connection_,
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
        "member='NameOwnerChanged',arg2=''",
        on_change);
  } catch (const sdbus::Error& problem) {
    return bus_failure(problem, "follow who leaves the bus");
  }
  return {};
}

Result<void> BusSource::attach() {
  int descriptor = -1;
  try {
    descriptor = connection_->getEventLoopPollData().fd;
  } catch (const sdbus::Error& problem) {
    return bus_failure(problem, "watch the bus");
  }
  TRY(ready_, loop_.watch(BorrowedFd(descriptor), EPOLLIN, [this](std::uint32_t) { process(); }));
  TRY(timer_, loop_.at(EventLoop::Time::max(), [this] { process(); }));
  timer_.pause();
  return ready_.before_waiting([this] { look_up_waiting(); });
}

// Asks the library in each round, because every queued message may change what it waits for.
void BusSource::look_up_waiting() {
  try {
    const auto poll = connection_->getEventLoopPollData();
    // The events of poll(2) and of epoll have the same values.
    if (auto set = ready_.set_events(static_cast<std::uint32_t>(poll.events)); !set)
      return end(std::move(set).error());
    wait_until(sdbus_bridge::deadline(poll));
  } catch (const sdbus::Error& problem) {
    end(bus_failure(problem, "watch the bus").error());
  }
}

void BusSource::wait_until(std::chrono::microseconds deadline) {
  if (deadline == std::chrono::microseconds::max()) return timer_.pause();
  if (auto set = timer_.set_time(EventLoop::Time(deadline)); !set) end(std::move(set).error());
}

void BusSource::process() {
  for (int i = 0; i < kMostMessagesPerRound && process_one(); ++i) do_work();
  do_work();
}

bool BusSource::process_one() {
  try {
    return ready_.active() && sdbus_bridge::process_one(*connection_);
  } catch (const std::exception& problem) {
    end(bus_failure(problem, "talk to the bus").error());
    return false;
  }
}

void BusSource::do_work() {
  while (!work_.empty()) {
    Work work = std::move(work_.front());
    work_.pop_front();
    work();
  }
}

void BusSource::end(Error error) {
  if (!ready_.active()) return;
  ready_.reset();
  timer_.reset();
  auto report = [this, error = std::move(error)]() mutable { gone_(std::move(error)); };
  auto parting = loop_.soon(std::move(report));
  if (parting)
    parting_ = *std::move(parting);
  else
    log(LogLevel::kError, "the bus is gone, so no caller learns this: {}",
        parting.error().message());
}

void BusSource::acquire_name(const std::string& name, NameTaken done) {
  // std::function must be copyable.
  auto shared = std::make_shared<NameTaken>(std::move(done));
  const auto on_answer = [name, shared](sdbus_bridge::MaybeError error, std::uint32_t answer) {
    (*shared)(judge_name_answer(error, answer, name));
  };
  try {
    subscriptions_->bus->callMethodAsync("RequestName")
        .onInterface(kBusName)
        .withArguments(name, kDoNotQueue)
        .uponReplyInvoke(on_answer);
  } catch (const sdbus::Error& problem) {
    (*shared)(bus_failure(problem, "take the bus name"));
  }
}

void BusSource::release_name(const std::string& name) noexcept {
  try {
    sdbus_bridge::release_name(*connection_, name);
  } catch (const std::exception&) {  // the bus is gone, and the name with it
  }
}

}  // namespace airlock
