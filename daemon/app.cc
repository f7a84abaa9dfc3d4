// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/app.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/bus/bus_publisher.h"
#include "daemon/bus/bus_source.h"
#include "daemon/bus/systemd_services.h"
#include "daemon/devices/udev_device_source.h"
#include "daemon/handover/handover_desk.h"
#include "daemon/loop/event_loop.h"
#include "daemon/loop/idle.h"
#include "daemon/loop/orphan_reaper.h"
#include "daemon/mount/driver_start.h"
#include "daemon/mount/mounter.h"
#include "daemon/mounting/kernel_checking.h"
#include "daemon/mounting/kernel_mounting.h"
#include "daemon/people/bus_callers.h"
#include "daemon/people/logind_sessions.h"
#include "daemon/people/polkit_authority.h"
#include "daemon/people/sleep_inhibitor.h"
#include "daemon/people/user_file.h"
#include "daemon/policy/settings_watch.h"
#include "daemon/probe/probe_program.h"
#include "daemon/probe/sandbox_prober.h"
#include "daemon/sleep_guard.h"
#include "daemon/volumes/service.h"
#include "daemon/volumes/settings_rules.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr const char* kBusName = "org.airlock1";

SettingsPlaces settings_places(const DaemonOptions& options) {
  SettingsPlaces places;
  if (!options.settings_directory) return places;
  places.admin = *options.settings_directory;
  places.vendor = *options.settings_directory + "/none";
  return places;
}

// Where the settings say to look for drivers. A folder of drivers named in the environment replaces
// all of them.
DriverPlaces driver_places(const Settings& settings) {
  DriverPlaces places = DriverPlaces::of_this_system();
  if (places.service_directories.empty()) return places;
  places.service_directories.clear();
  for (const std::string& place : settings.driver_order) {
    if (place == Settings::kBuiltinPlace) break;  // it serves everything: nothing comes after it
    places.service_directories.push_back(place);
  }
  return places;
}

MountingOptions mounting_options(const Settings& settings, const std::string& base,
                                 ServiceManager& services) {
  MountingOptions options;
  options.places = driver_places(settings);
  options.base = base;
  options.session.whole = settings.deadlines.mount;
  options.heartbeat = settings.deadlines.heartbeat;
  options.silence = settings.deadlines.silence;
  options.heals_per_minute = settings.limits.heals_per_minute;
  options.checkers = CheckerPlaces::of_this_system();
  options.check = settings.deadlines.check;
  options.services = &services;
  return options;
}

std::chrono::milliseconds idle_time(const DaemonOptions& options, const Settings& settings) {
  return options.idle_exit.value_or(settings.idle_exit);
}

}  // namespace

struct App::Parts {
  Parts(const DaemonOptions& with, EventLoop&& made)
      : options(with), loop(std::move(made)), rules(settings_places(with)) {}

  Result<void> connect();
  Result<void> find_devices();
  Result<void> serve();
  Result<void> follow_signals();
  void stop(int exit_code, const char* why);

  DaemonOptions options;
  EventLoop loop;
  SettingsRules rules;
  std::optional<OrphanReaper> reaper;
  std::unique_ptr<Idle> idle;

  std::unique_ptr<BusSource> bus;
  std::unique_ptr<BusPublisher> publisher;
  std::unique_ptr<SystemdServices> services;
  std::unique_ptr<LogindSessions> sessions;
  std::unique_ptr<SleepInhibitor> inhibitor;
  std::unique_ptr<BusCallers> callers;
  std::unique_ptr<PolkitAuthority> authority;

  std::unique_ptr<UdevDeviceSource> devices;
  std::unique_ptr<SandboxProber> prober;
  std::unique_ptr<KernelMounting> mounting;
  std::unique_ptr<KernelChecking> checking;
  std::optional<MountRecords> records;
  std::unique_ptr<HandoverDesk> handovers;
  std::unique_ptr<VolumeService> manager;
  std::optional<SleepGuard> sleep_guard;

  std::optional<SettingsWatch> settings_watch;
  std::vector<EventSource> signals;
};

void App::Parts::stop(int exit_code, const char* why) {
  log(LogLevel::kInfo, "airlockd ends: {}", why);
  loop.stop(exit_code);
}

Result<void> App::Parts::connect() {
  TRY(reaper, OrphanReaper::start(loop));
  idle = std::make_unique<Idle>(loop, idle_time(options, rules.settings()),
                                [this] { stop(kStopped, "there is nothing to do"); });
  TRY(bus, BusSource::open(loop, [this](const Error& error) {
        log(LogLevel::kError, "{}", error.message());
        stop(kBusGone, "the bus is gone");
      }));
  TRY(publisher, BusPublisher::create(loop, *bus));
  services = std::make_unique<SystemdServices>(bus->connection());
  TRY(sessions, LogindSessions::create(loop, bus->connection(), UserFile()));
  TRY(inhibitor, SleepInhibitor::create(loop, bus->connection()));
  TRY(callers, BusCallers::create(bus->connection(), *sessions));
  TRY(authority, PolkitAuthority::create(loop, bus->connection(), *callers, {}));
  return {};
}

Result<void> App::Parts::find_devices() {
  TRY(auto feed, NetlinkFeed::open({.voice = present_voice()}));
  TRY(devices, UdevDeviceSource::create(loop, std::move(feed), {}));
  prober = std::make_unique<SandboxProber>(
      loop, SandboxProber::Options{.program = probe_program(), .limits = {}});
  const std::string base = options.mount_base.value_or(rules.settings().mount_base.value);
  mounting =
      std::make_unique<KernelMounting>(loop, mounting_options(rules.settings(), base, *services));
  checking = std::make_unique<KernelChecking>(
      loop, KernelChecking::Options{.places = CheckerPlaces::of_this_system(),
                                    .deadline = rules.settings().deadlines.check});
  // Nobody may have made it yet: only a service manager reads tmpfiles. open() checks an existing
  // one.
  (void)::mkdir(options.state_directory.c_str(), 0755);
  TRY(records, MountRecords::open(options.state_directory + "/mounts"));
  TRY(handovers, HandoverDesk::open(loop, {.directory = options.state_directory + "/handover"}));
  VolumeService::Options how;
  how.volumes.death_grace = options.death_grace;
  how.volumes.mount_base = base;
  how.volumes.kernel_has_fuseblk = kernel_has_filesystem("fuseblk");
  how.volumes.missing_for = [places = driver_places(rules.settings())](const DriverRow& row) {
    return missing_for(row, places);
  };
  how.version = AIRLOCK_VERSION;
  how.driver_directories = driver_places(rules.settings()).service_directories;
  how.program_directory = driver_places(rules.settings()).program_directory;
  VolumeRules& the_rules = rules;
  manager = std::make_unique<VolumeService>(
      VolumeService::Parts{.volumes = {.loop = loop,
                                       .publisher = *publisher,
                                       .devices = *devices,
                                       .prober = *prober,
                                       .mounting = *mounting,
                                       .checking = *checking,
                                       .sessions = *sessions,
                                       .rules = the_rules,
                                       .records = *records,
                                       .mount_table = &mounting->table()},
                           .authority = *authority,
                           .callers = *callers,
                           .handovers = *handovers,
                           .idle = *idle},
      std::move(how));
  TRY_VOID(manager->start());
  sleep_guard.emplace(SleepGuard::Parts{.sessions = *sessions,
                                        .inhibitor = *inhibitor,
                                        .devices = *devices,
                                        .supervisor = manager->supervisor()});
  return {};
}

Result<void> App::Parts::serve() {
  publisher->serve(*manager);
  bus->acquire_name(kBusName, [this](const Result<void>& taken) {
    if (taken) return idle->start();
    log(LogLevel::kError, "{}", taken.error().message());
    stop(kFailed, "its name on the bus could not be taken");
  });
  TRY(settings_watch,
      SettingsWatch::start(loop, settings_places(options), [this] { rules.reload(); }));
  return {};
}

Result<void> App::Parts::follow_signals() {
  for (const int number : {SIGTERM, SIGINT}) {
    TRY(auto source, loop.on_signal(number, [this] { stop(kStopped, "it was told to"); }));
    signals.push_back(std::move(source));
  }
  TRY(auto hangup, loop.on_signal(SIGHUP, [this] {
    if (settings_watch) settings_watch->reload();
  }));
  signals.push_back(std::move(hangup));
  return {};
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
// The name goes first: removals after that are not news about media.
App::~App() {
  parts_->bus->release_name(kBusName);
}

Result<std::unique_ptr<App>> App::create(const DaemonOptions& options) {
  // Drivers become our children when the errand that started them ends.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    return fail_errno(errno, Errc::kSystem, "become the parent of drivers");
  TRY(auto loop, EventLoop::create());
  auto parts = std::make_unique<Parts>(options, std::move(loop));
  TRY_VOID(parts->follow_signals());
  TRY_VOID(parts->connect());
  TRY_VOID(parts->find_devices());
  TRY_VOID(parts->serve());
  return std::unique_ptr<App>(new App(std::move(parts)));
}

Result<int> App::run() {
  return parts_->loop.run();
}

}  // namespace airlock
