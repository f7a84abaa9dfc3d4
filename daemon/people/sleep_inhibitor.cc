// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/sleep_inhibitor.h"

#include <chrono>
#include <string>
#include <utility>

#include "daemon/bus/bus_peer.h"
#include "daemon/people/logind.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
Result<std::unique_ptr<SleepInhibitor>> SleepInhibitor::create(sdbus::IConnection& connection) {
  std::unique_ptr<SleepInhibitor> inhibitor(new SleepInhibitor(connection));
  TRY_VOID(inhibitor->watch());
  return inhibitor;
}

Result<void> SleepInhibitor::watch() {
  TRY(manager_, bus_peer::make_proxy(connection_, logind::kService, logind::kManagerPath));
  TRY(match_, bus_peer::add_match(connection_, logind::kOwnerChanges,
                                  [this](sdbus::Message& signal) { owner_changed(signal); }));
  return {};
}

// What an earlier logind gave us counts for nothing with the next.
void SleepInhibitor::owner_changed(sdbus::Message& signal) {
  const std::string sender = signal.getSender();
  if (sender != "org.freedesktop.DBus") return;
  std::string name, before, now;
  signal >> name >> before >> now;
  held_.reset();
  if (wanted_ && !now.empty()) ask();
}

void SleepInhibitor::hold() {
  wanted_ = true;
  if (!held_.valid()) ask();
}

void SleepInhibitor::release() {
  wanted_ = false;
  held_.reset();
}

void SleepInhibitor::ask() {
  if (asking_) return;
  const auto asked = bus_peer::catch_errors("ask logind to wait before it sleeps", [this] {
    manager_->callMethodAsync("Inhibit")
        .onInterface(logind::kManager)
        .withTimeout(bus_peer::kAnswerTime)
        .withArguments(
            std::string("sleep"), std::string("Airlock"),
            std::string("Airlock writes everything to removable media before the machine sleeps"),
            std::string("delay"))
        .uponReplyInvoke([this](bus_peer::ReplyError error, sdbus::UnixFd given) {
          asking_ = false;
          if (error) {
            const std::string text = error->getMessage();
            return log(LogLevel::kNotice,
                       "the machine will not wait for media before it sleeps: {}", quote(text));
          }
          if (wanted_) held_ = UniqueFd(given.release());
        });
    asking_ = true;
  });
  if (!asked) log(LogLevel::kWarning, "{}", asked.error().message());
}

}  // namespace airlock
