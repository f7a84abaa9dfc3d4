// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/bus_callers.h"

#include <chrono>
#include <utility>

#include "daemon/bus/bus_peer.h"

namespace airlock {
namespace {

constexpr auto kBusName = "org.freedesktop.DBus";
constexpr auto kBusPath = "/org/freedesktop/DBus";
// The empty third argument selects names that have lost their owner, not those that appear.
constexpr auto kNamesLeaving =
    "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
    "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''";

bool is_unique_name(const std::string& name) {
  return name.size() > 1 && name.front() == ':';
}

}  // namespace

Result<std::unique_ptr<BusCallers>> BusCallers::create(sdbus::IConnection& connection,
                                                       const Sessions& sessions) {
  std::unique_ptr<BusCallers> callers(new BusCallers(sessions));
  TRY_VOID(callers->watch(connection));
  return callers;
}

Result<void> BusCallers::watch(sdbus::IConnection& connection) {
  TRY(bus_, bus_peer::make_proxy(connection, kBusName, kBusPath));
  TRY(names_leaving_,
      bus_peer::add_match(connection, kNamesLeaving, [this](sdbus::Message& signal) {
        const std::string sender = signal.getSender();
        if (sender != kBusName) return;  // sent directly to us, by somebody other than the bus
        std::string name;
        signal >> name;
        if (is_unique_name(name)) gone(name);
      }));
  return {};
}

void BusCallers::look_up(const std::string& sender, Found found) {
  if (!is_unique_name(sender))
    return found(fail(Errc::kInvalidArgument, "{} is not the name of a caller", quote(sender)));
  const auto place = callers_.find(sender);
  if (place == callers_.end()) {
    if (callers_.size() >= kMostCallers)
      return found(fail(Errc::kLimitExceeded, "more than {} callers at once", kMostCallers));
    if (auto asked = ask_bus(sender); !asked)
      return found(fail(std::move(asked), "who is {}", sender));
    callers_[sender].waiting.push_back(std::move(found));
    return;
  }
  Caller& caller = place->second;
  if (caller.known) {
    // A user who has logged in since the first call may have a name now.
    if (caller.known->name.empty()) caller.known = sessions_.account(caller.known->user);
    return found(facts(*caller.known));
  }
  if (caller.waiting.size() >= kMostWaiting)
    return found(fail(Errc::kLimitExceeded, "more than {} calls of a new caller", kMostWaiting));
  caller.waiting.push_back(std::move(found));
}

Result<void> BusCallers::ask_bus(const std::string& sender) {
  return bus_peer::catch_errors("ask the bus", [&] {
    bus_->callMethodAsync("GetConnectionCredentials")
        .onInterface(kBusName)
        .withTimeout(bus_peer::kAnswerTime)
        .withArguments(sender)
        .uponReplyInvoke([this, sender](bus_peer::ReplyError error, const Credentials& answer) {
          if (error)
            return answered(sender, fail(Errc::kPeerGone, "the bus does not know {}: {}", sender,
                                         quote(error->getMessage())));
          const auto user = bus_peer::property<std::uint32_t>(answer, "UnixUserID");
          if (!user) return answered(sender, fail(Errc::kSystem, "{} has no user id", sender));
          answered(sender, sessions_.account(*user));
        });
  });
}

// Answers the callers last: they may look up others, or the same one again.
void BusCallers::answered(const std::string& sender, Result<UserEntry> user) {
  const auto place = callers_.find(sender);
  if (place == callers_.end()) return;  // gone meanwhile
  auto waiting = std::exchange(place->second.waiting, {});
  if (user)
    place->second.known = *user;
  else
    callers_.erase(place);
  for (Found& found : waiting)
    found(user ? Result<CallerFacts>(facts(*user)) : std::unexpected(user.error()));
}

void BusCallers::gone(const std::string& sender) {
  const auto place = callers_.find(sender);
  if (place == callers_.end()) return;
  auto waiting = std::exchange(place->second.waiting, {});
  callers_.erase(place);
  for (Found& found : waiting) found(fail(Errc::kPeerGone, "{} has left the bus", sender));
  for (auto& callback : gone_callbacks_) callback(sender);
}

void BusCallers::on_gone(std::move_only_function<void(const std::string& sender)> callback) {
  gone_callbacks_.push_back(std::move(callback));
}

CallerFacts BusCallers::facts(const UserEntry& user) const {
  CallerFacts facts{.user = user.user, .group = user.group, .name = user.name};
  facts.in_active_session = sessions_.is_active(user.user, &facts.seat);
  return facts;
}

}  // namespace airlock
