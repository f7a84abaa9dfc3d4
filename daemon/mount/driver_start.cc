// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/driver_start.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ranges>

#include "daemon/launch/sandbox_launcher.h"
#include "daemon/launch/socket_launcher.h"
#include "daemon/mount/live_mount.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// How long a driver that refused may take to leave. It waits a while itself before it exits when
// a service manager runs it, but not in our sandbox.
constexpr auto kLeaveTime = 3s;

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 60'000));
}

// Waits for the session, the process or the deadline, whichever comes first, and lets each do
// its part.
void step(MountSession& session, StartedDriver& driver) {
  std::array<pollfd, 2> waits = {{
      {.fd = session.descriptor().get(), .events = session.wanted_events(), .revents = 0},
      {.fd = driver.worker ? driver.worker->log().get() : -1, .events = POLLIN, .revents = 0},
  }};
  const int ready = ::poll(waits.data(), waits.size(), milliseconds_until(session.next_deadline()));
  if (waits[1].revents != 0) driver.worker->read_log();
  if (waits[0].revents != 0) return session.on_ready();
  if (std::chrono::steady_clock::now() >= session.next_deadline()) return session.on_deadline();
  // A closed log would make poll return at once for ever; the connection tells the end as well.
  if (ready > 0 && (waits[1].revents & (POLLHUP | POLLERR)) != 0) ::usleep(1'000);
}

// After a session that failed: how the process ended, given a moment to do so by itself.
std::optional<ExitCause> end_of(StartedDriver& driver) {
  if (!driver.worker) return std::nullopt;
  auto cause = driver.worker->wait(kLeaveTime);
  driver.worker->read_log();
  if (!cause) {
    driver.worker->kill();
    return std::nullopt;
  }
  return *cause;
}

// A driver that gave up in good order exits with 1 after saying why.
bool left_in_order(const ExitCause& cause) {
  return cause.kind == ExitCause::Kind::kExited && (cause.code == 0 || cause.code == 1);
}

// It runs with no rights, but with a medium: nobody but root may have chosen what it is.
bool is_roots_program(BorrowedFd program) {
  struct stat status = {};
  return ::fstat(program.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0 &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (status.st_mode & S_IXOTH) != 0;
}

Result<UniqueFd> open_stock_program(const DriverRow& row, const DriverPlaces& places) {
  for (const std::string& directory : places.stock_directories) {
    UniqueFd program(::open(fmt::format("{}/{}", directory, row.runs).c_str(), O_PATH | O_CLOEXEC));
    if (program.valid() && is_roots_program(program.borrow())) return program;
  }
  return fail(Errc::kUnsupported, "install the package {} to read this medium", row.package);
}

std::unexpected<Error> explain(Error error, StartedDriver& driver, const DriverRow& row) {
  // A driver that hangs is not waited for.
  if (error.code == Errc::kTimedOut) {
    if (driver.worker) driver.worker->kill();
    return std::unexpected(std::move(error));
  }
  const std::optional<ExitCause> cause = end_of(driver);
  const std::string words = last_words(driver, row);
  if (cause && !left_in_order(*cause)) {
    error.code = Errc::kWorkerDied;
    error.what = fmt::format("the driver {} {}", row.program, cause->describe());
    error.cause = {};
    if (!words.empty()) error.what += "; the last it said: " + quote(words);
  } else if (!words.empty()) {
    error.what = "the driver says " + quote(words) + " (" + error.what + ")";
  } else if (!driver.worker) {
    // A service manager has its output.
    error.what += fmt::format("; journalctl -t {} may say why", row.program);
  }
  return std::unexpected(std::move(error));
}

}  // namespace

DriverPlaces DriverPlaces::of_this_system() {
  DriverPlaces places = {
      .service_directories = {AIRLOCK_SERVICE_SOCKET_DIR, "/run/filesystems", "/run/fuse"},
      .program_directory = AIRLOCK_LIBEXECDIR,
  };
  places.stock_directories = {"/usr/bin", "/usr/sbin", "/bin", "/sbin"};
  const bool own_rights = ::getauxval(AT_SECURE) == 0 && ::getuid() == 0;
  const char* directory = own_rights ? std::getenv("AIRLOCK_DRIVER_DIR") : nullptr;
  if (directory != nullptr && *directory == '/') {
    places.program_directory = directory;
    places.service_directories.clear();
  }
  const char* stock = own_rights ? std::getenv("AIRLOCK_STOCK_DIR") : nullptr;
  if (stock != nullptr && *stock == '/')
    places.stock_directories.insert(places.stock_directories.begin(), stock);
  return places;
}

DriverOrigin driver_origin(std::string_view place) {
  return place == kBuiltinOrigin || place == AIRLOCK_SERVICE_SOCKET_DIR ? DriverOrigin::kOurs
                                                                        : DriverOrigin::kForeign;
}

DriverOrigin driver_origin(const MountFacts& mount) {
  const DriverOrigin origin = driver_origin(mount.origin);
  return origin == DriverOrigin::kOurs && mount.driver == kAdapterProgram ? DriverOrigin::kAdapted
                                                                          : origin;
}

std::string missing_for(const DriverRow& row, const DriverPlaces& places) {
  if (!row.is_adapted()) return "";
  if (auto program = open_stock_program(row, places); !program) return program.error().what;
  const std::string adapter = fmt::format("{}/{}", places.program_directory, row.program);
  if (::access(adapter.c_str(), X_OK) == 0) return "";
  return "install the package airlock-driver-adapter to read this medium";
}

Result<StartedDriver> start_own_driver(const WantedDriver& wanted) {
  const DriverRow& row = wanted.row;
  SandboxSpec spec;
  spec.arguments = {wanted.title};
  spec.program = wanted.places.program_directory + "/" + std::string(row.program);
  spec.limits.memory_bytes = row.memory_mib << 20;
  spec.limits.open_files = row.open_files;
  spec.limits.tasks = row.threads;
  spec.limits.medium_in_memory_bytes = wanted.medium_in_memory;
  UniqueFd stock;
  if (row.is_adapted()) {
    TRY(stock, open_stock_program(row, wanted.places));
    spec.lent = stock.borrow();
  }
  if (::access(spec.program.c_str(), X_OK) != 0) {
    const int error = errno;
    if (row.is_adapted()) return fail(Errc::kUnsupported, "{}", missing_for(row, wanted.places));
    return fail_errno(error, Errc::kNotFound, "the driver {}", quote(spec.program));
  }
  SandboxLauncher launcher;
  auto worker = launcher.start(spec);
  if (!worker) return fail(std::move(worker), "start the driver {}", row.program);
  Channel channel(worker->take_control());
  return StartedDriver{.channel = std::move(channel),
                       .worker = std::move(*worker),
                       .origin = DriverOrigin::kOurs,
                       .service_directory = "",
                       .peer = {},
                       .answered = false};
}

Result<StartedDriver> start_driver(const WantedDriver& wanted) {
  TRY(auto service, connect_to_service(wanted.places.service_directories, wanted.subtype,
                                       deadline_in(SessionDeadlines{}.connect)));
  if (!service) return start_own_driver(wanted);
  ask_for_peer(service->channel.descriptor());
  return StartedDriver{.channel = std::move(service->channel),
                       .worker = std::nullopt,
                       .origin = driver_origin(service->directory),
                       .service_directory = service->directory,
                       .peer = {},
                       .answered = false};
}

Result<void> run_session(MountSession& session, StartedDriver& driver, const DriverRow& row) {
  session.start();
  if (!driver.worker && !session.finished())
    driver.peer = learn_peer(session.descriptor(), session.next_deadline());
  while (!session.finished()) step(session, driver);
  driver.answered = session.answered();
  // The goodbye may have come with the same wake-up as the last request; what the driver said in
  // between is in the pipe by now.
  if (driver.worker) driver.worker->read_log();
  if (session.verdict()) return {};
  return explain(session.verdict().error(), driver, row);
}

std::string last_words(const StartedDriver& driver, const DriverRow& row) {
  if (!driver.worker) return "";
  const std::string name = fmt::format("{}: ", row.program);
  for (const std::string& line : driver.worker->last_lines().lines() | std::views::reverse)
    if (line.starts_with(name)) return line.substr(name.size());
  return "";
}

}  // namespace airlock
