// SPDX-License-Identifier: GPL-2.0-or-later
// mount.airlock, the helper of mount(8): makes one contained mount, then exits and leaves the
// driver running.
#include <fmt/format.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cli/bus_program.h"
#include "cli/hand_over.h"
#include "cli/mount_command.h"
#include "cli/mount_exit_code.h"
#include "cli/mount_options.h"
#include "daemon/mount/contained_mount.h"
#include "lib/base/local_time.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::string_view kHelp = R"(Usage: mount -t airlock.TYPE DEVICE DIRECTORY [-o OPTIONS]
   or: mount.airlock DEVICE DIRECTORY -t airlock.TYPE [-sfv] [-o OPTIONS]

Mounts a block device or image file with a contained driver. TYPE is one of:
{}
Options: ro, rw, noexec, noatime, nodiratime, sync, dirsync, nosymfollow; always nosuid and nodev
  owner=user     every file appears as yours (the default)
  owner=media    owners as the medium says
  uid=N, gid=N   owner of the mount; only that user can enter it (default: the caller)
  umask=M, fmask=M, dmask=M, time_offset=MINUTES, tz=UTC, codepage=N, windows_names
                 how a FAT medium is shown; see mount.airlock(8)
  allow_other    everybody may enter, as file permissions allow
  plain          mount as fuse even where fuseblk is possible

  -s  ignore unknown options    -f  check everything, mount nothing    -v  say what happens
)";

void print_help() {
  std::string types;
  for (const DriverRow& row : driver_table())
    types += fmt::format("  {} (driver {})\n", row.subtypes, row.program);
  fmt::print(fmt::runtime(kHelp), types);
}

// Everything for one invocation, found out step by step before the driver starts.
class MountRun {
 public:
  static Result<MountRun> prepare(const MountCommand& command);
  Result<void> run();

 private:
  MountRun(const MountCommand& command, const DriverRow& row, MountOptions options, Medium medium,
           MountPoint place)
      : command_(command),
        row_(row),
        options_(std::move(options)),
        medium_(std::move(medium)),
        place_(std::move(place)) {}

  void choose_owner();
  [[nodiscard]] ContainedMount::Plan plan() const;
  void report(const Mounter& mounter, const StartedDriver& driver) const;

  MountCommand command_;
  const DriverRow& row_;
  MountOptions options_;
  Medium medium_;
  MountPoint place_;
  bool fuseblk_ = false;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
};

std::optional<int> zone_for(const DriverRow& row) {
  const int minutes = local_zone_minutes();
  return row.can("foreign") && minutes != 0 ? std::optional(minutes) : std::nullopt;
}

Result<const DriverRow*> driver_for(const std::string& subtype) {
  if (const DriverRow* row = find_driver(subtype)) return row;
  std::string known;
  for (const DriverRow& row : driver_table()) known += fmt::format(" {}", row.subtypes);
  return fail(Errc::kUnsupported, "no driver for {}; the drivers serve:{}", quote(subtype), known);
}

Result<MountPoint> pin_directory(const std::string& path) {
  std::array<char, PATH_MAX> resolved;
  if (::realpath(path.c_str(), resolved.data()) == nullptr) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "mount point {}", quote(path));
  }
  TRY(auto place, MountPoint::pin(resolved.data()));
  if (place.file_type() == S_IFDIR) return place;
  return fail(Errc::kInvalidArgument, "mount point {} is not a directory", quote(path));
}

Result<MountRun> MountRun::prepare(const MountCommand& command) {
  TRY(const DriverRow* row, driver_for(command.subtype));
  TRY(auto options, parse_mount_options(command.options, command.sloppy ? UnknownOptions::kIgnore
                                                                        : UnknownOptions::kRefuse));
  for (const std::string& notice : options.notices) log(LogLevel::kNotice, "{}", notice);
  TRY(auto place, pin_directory(command.target));
  TRY(auto medium, Medium::find(command.source, options.read_only() ? MediumAccess::kReadOnly
                                                                    : MediumAccess::kReadWrite));
  if (medium.write_protected()) {
    log(LogLevel::kNotice, "{} is write-protected and will be mounted read-only",
        quote(medium.path()));
    options.flags |= MS_RDONLY;
  }
  MountRun job(command, *row, std::move(options), std::move(medium), std::move(place));
  job.fuseblk_ = job.medium_.is_block() && job.options_.transport == Transport::kAutomatic &&
                 kernel_has_filesystem("fuseblk");
  TRY_VOID(job.medium_.claim(job.fuseblk_ ? MediumHold::kKernel : MediumHold::kOurs));
  job.choose_owner();
  return job;
}

// The mount belongs to the caller, or to the user named in the options. The environment (SUDO_UID
// and the like) is ignored.
void MountRun::choose_owner() {
  uid_ = options_.uid.value_or(::getuid());
  gid_ = options_.gid.value_or(::getgid());
  if (!options_.uid || options_.gid) return;
  if (const passwd* user = ::getpwuid(uid_)) gid_ = user->pw_gid;
}

ContainedMount::Plan MountRun::plan() const {
  return {.row = row_,
          .subtype = command_.subtype,
          .fuseblk = fuseblk_,
          .flags = options_.flags,
          .allow_other = options_.allow_other,
          .words = options_.words_for_driver(zone_for(row_)),
          .user = uid_,
          .group = gid_,
          .places = DriverPlaces::of_this_system(),
          .on_driver = [this](pid_t pid, BorrowedFd) -> Result<void> {
            log(LogLevel::kInfo, "driver {} runs as process {}", row_.program, pid);
            return {};
          }};
}

Result<void> MountRun::run() {
  if (command_.fake) return {};
  ContainedMount mount(medium_, place_, plan());
  TRY_VOID(mount.make());
  const auto number = mount.mounter().mount().id();
  report(mount.mounter(), mount.driver());
  const auto watched =
      number ? hand_over(medium_, *number, mount.driver(), std::string(row_.program), uid_)
             : Result<void>(std::unexpected(number.error()));
  if (!watched)
    log(LogLevel::kInfo, "airlockd does not watch this mount: {}", watched.error().message());
  mount.keep();
  return {};
}

void MountRun::report(const Mounter& mounter, const StartedDriver& driver) const {
  if (mounter.mounted_read_only() && !options_.read_only()) {
    const std::string words = last_words(driver, row_);
    log(LogLevel::kNotice, "{} is mounted read-only{}", quote(medium_.path()),
        words.empty() ? "" : ": the driver says " + quote(words));
  }
  log(LogLevel::kInfo, "{} is mounted on {} with {}", quote(medium_.path()), quote(place_.path()),
      row_.program);
}

// Child processes of udisks end with udisks, but a driver must not.
bool airlockd_has_to(const MountCommand& command) {
  const auto options = parse_mount_options(command.options, UnknownOptions::kIgnore);
  return options && options->helper == "udisks2" && !command.fake;
}

Result<void> mount_by_airlockd(const MountCommand& command) {
  return become_bus_program(
      {"mount-at", command.source, command.target, command.subtype, command.options});
}

Result<void> mount_here(const MountCommand& command) {
  TRY(auto job, MountRun::prepare(command));
  return job.run();
}

int mount_once(const MountCommand& command) {
  if (::geteuid() != 0) {
    log(LogLevel::kError, "mounting {} needs root: try it with sudo", quote(command.source));
    return kUsage;
  }
  const Result<void> done =
      airlockd_has_to(command) ? mount_by_airlockd(command) : mount_here(command);
  if (done) return kSuccess;
  log(LogLevel::kError, "cannot mount {} on {}: {}", quote(command.source), quote(command.target),
      done.error().message());
  return mount_exit_code(done.error());
}

int run(std::span<const std::string> arguments) {
  const auto command = parse_mount_command(arguments);
  if (!command) {
    log(LogLevel::kError, "{}; see mount.airlock --help", command.error().message());
    return kUsage;
  }
  switch (command->kind) {
    case MountCommand::Kind::kHelp:
      print_help();
      return kSuccess;
    case MountCommand::Kind::kVersion:
      fmt::print("mount.airlock {}\n", AIRLOCK_VERSION);
      return kSuccess;
    case MountCommand::Kind::kMount:
      break;
  }
  if (command->verbose) log_open("mount.airlock", LogLevel::kInfo);
  return mount_once(*command);
}

}  // namespace
}  // namespace airlock

int main(int argc, char** argv) {
  airlock::log_open("mount.airlock", airlock::LogLevel::kNotice);
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  return airlock::run(arguments);
}
