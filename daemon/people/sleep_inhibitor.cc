// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/sleep_inhibitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "daemon/bus/bus_peer.h"
#include "daemon/people/logind.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// Runs in the errand. Anybody may send a descriptor to its connection, and closing that may take
// for ever; so the connection stays open until the process ends.
Result<ErrandReport> ask_logind() {
  sd_bus* bus = nullptr;
  // Not sd_bus_open_system(), which we replace with one that accepts no descriptors.
  int answer = sd_bus_open_system_with_description(&bus, "airlockd, for its sleep lock");
  if (answer < 0) return fail_errno(-answer, Errc::kPeerGone, "connect to the system bus");
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_message* reply = nullptr;
  answer = sd_bus_call_method(
      bus, logind::kService, logind::kManagerPath, logind::kManager, "Inhibit", &error, &reply,
      "ssss", "sleep", "Airlock",
      "Airlock writes everything to removable media before the machine sleeps", "delay");
  if (answer < 0)
    return fail_errno(-answer, Errc::kSystem, "{}",
                      quote(error.message != nullptr ? error.message : "no answer"));
  int lent = -1;
  if (answer = sd_bus_message_read(reply, "h", &lent); answer < 0)
    return fail_errno(-answer, Errc::kProtocol, "read the answer");
  struct stat info = {};
  if (::fstat(lent, &info) != 0 || !S_ISFIFO(info.st_mode))
    return fail(Errc::kProtocol, "the lock is not a pipe");
  ErrandReport report;
  report.descriptors.emplace_back(::fcntl(lent, F_DUPFD_CLOEXEC, 3));
  return report;
}

}  // namespace

Result<std::unique_ptr<SleepInhibitor>> SleepInhibitor::create(EventLoop& loop,
                                                               sdbus::IConnection& connection) {
  std::unique_ptr<SleepInhibitor> inhibitor(new SleepInhibitor(loop, connection));
  TRY_VOID(inhibitor->watch());
  return inhibitor;
}

Result<void> SleepInhibitor::watch() {
  TRY(match_, bus_peer::add_match(connection_, logind::kOwnerChanges,
                                  [this](sdbus::Message& signal) { owner_changed(signal); }));
  return {};
}

// The lock of an earlier logind means nothing to the next.
void SleepInhibitor::owner_changed(sdbus::Message& signal) {
  const std::string sender = signal.getSender();
  if (sender != "org.freedesktop.DBus") return;
  std::string name, before, now;
  signal >> name >> before >> now;
  held_.reset();
  asking_.reset();
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
  auto errand = Errand::start(loop_, "ask logind to wait before it sleeps",
                              {.deadline = bus_peer::kAnswerTime}, {}, ask_logind,
                              [this](Result<ErrandReport> report) { answered(std::move(report)); });
  if (errand)
    asking_ = *std::move(errand);
  else
    log(LogLevel::kWarning, "{}", errand.error().message());
}

void SleepInhibitor::answered(Result<ErrandReport> report) {
  asking_.reset();
  if (report && report->descriptors.size() == 1) {
    if (wanted_) held_ = std::move(report->descriptors.front());
    return;
  }
  log(LogLevel::kNotice, "the machine will not wait for media before it sleeps: {}",
      report ? "there is no lock in the answer" : report.error().message());
}

}  // namespace airlock
