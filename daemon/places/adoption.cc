// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/places/adoption.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/system/device_node.h"
#include "daemon/system/fuse_driver.h"
#include "daemon/system/mount_table.h"
#include "daemon/system/process_identity.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::string_view kOurs = ".airlock.";
constexpr std::size_t kLongestName = 255;

std::string type_of(const LiveMount& mount) {
  return fmt::format("{}{}{}", mount.fuseblk ? "fuseblk" : "fuse", kOurs, mount.subtype);
}

// Mount and filesystem numbers are reused, so everything known must match.
bool fits(const MountEntry& entry, const LiveMount& mount) {
  return std::cmp_equal(entry.id, mount.mount_id) && entry.device == mount.filesystem &&
         entry.mount_point == mount.mount_point && entry.type == type_of(mount);
}

// Opens the driver's life line if the driver is alive. A driver that was never known stays unknown:
// the kernel shows when nobody serves the mount.
AdoptedMount::State find_driver(LiveMount& mount) {
  if (mount.driver_pid == 0) return AdoptedMount::State::kAlive;
  auto life = open_process(
      {.pid = mount.driver_pid, .start = mount.driver_start, .user = mount.driver_user});
  if (life) {
    mount.life = std::move(*life);
    return AdoptedMount::State::kAlive;
  }
  if (life.error().code == Errc::kNotFound) return AdoptedMount::State::kDead;
  // It may be alive even though we could not open it, for lack of descriptors for example.
  log(LogLevel::kWarning, "mount {} is not watched: {}", quote(mount.mount_point),
      life.error().message());
  return AdoptedMount::State::kAlive;
}

// airlockd ended while the driver was finishing, or a copy elsewhere keeps the driver.
bool still_works(LiveMount& mount, const std::vector<MountEntry>& table) {
  if (mount.driver_pid == 0 || std::ranges::count(table, mount.filesystem, &MountEntry::device) > 0)
    return false;
  return find_driver(mount) == AdoptedMount::State::kAlive && mount.life.valid();
}

AdoptedMount adopt(MountRecord&& record, const std::vector<MountEntry>& table) {
  AdoptedMount adopted{.record = std::move(record)};
  LiveMount& mount = adopted.record.mount;
  const auto entry = std::ranges::find_if(table, [&](const auto& one) { return fits(one, mount); });
  if (entry == table.end()) {
    if (adopted.record.leaving && still_works(mount, table))
      adopted.state = AdoptedMount::State::kLeaving;
    return adopted;
  }
  mount.read_only = mount.read_only || has_option(entry->options, "ro");
  adopted.state = find_driver(mount);
  return adopted;
}

// The user's name in the path of a place; nothing for a path of any other form.
std::string user_of_place(std::string base, const std::string& path) {
  while (base.ends_with('/')) base.pop_back();
  if (!path.starts_with(base + "/")) return "";
  const std::string_view rest = std::string_view(path).substr(base.size() + 1);
  const std::size_t slash = rest.find('/');
  const bool two_names = slash != std::string_view::npos && slash > 0 && slash + 1 < rest.size() &&
                         rest.find('/', slash + 1) == std::string_view::npos;
  return two_names ? std::string(rest.substr(0, slash)) : "";
}

void look_for_driver(AdoptedMount& adopted) {
  LiveMount& mount = adopted.record.mount;
  const FuseDriver driver = find_fuse_driver(mount.filesystem);
  adopted.state = driver.state == FuseDriver::State::kNobody ? AdoptedMount::State::kDead
                                                             : AdoptedMount::State::kAlive;
  if (driver.state != FuseDriver::State::kFound) return;
  mount.driver_pid = driver.process.pid;
  mount.driver_start = driver.process.start;
  mount.driver_user = driver.process.user;
  adopted.state = find_driver(mount);
}

MountRecord record_of(const MountEntry& entry) {
  MountRecord record;
  record.source.path = entry.source;
  record.user = static_cast<uid_t>(option_number(entry.super_options, "user_id").value_or(0));
  LiveMount& mount = record.mount;
  mount.mount_point = entry.mount_point;
  mount.mount_id = static_cast<std::uint64_t>(entry.id);
  mount.filesystem = entry.device;
  mount.fuseblk = entry.type.starts_with("fuseblk.");
  // A fuseblk filesystem has its device's number; for plain fuse only the path is known.
  record.source.device = mount.fuseblk ? entry.device : dev_t{0};
  mount.read_only = has_option(entry.options, "ro") || has_option(entry.super_options, "ro");
  mount.subtype = entry.type.substr(entry.type.find(kOurs) + kOurs.size());
  return record;
}

AdoptedMount adopt_unrecorded(const MountEntry& entry, std::string user_name) {
  AdoptedMount adopted;
  adopted.record = record_of(entry);
  adopted.record.user_name = std::move(user_name);
  look_for_driver(adopted);
  return adopted;
}

// The process of a pidfd, if it is one. For a process that has ended the number is not positive.
std::optional<pid_t> process_of(const UniqueFd& descriptor) {
  std::ifstream lines(fmt::format("/proc/self/fdinfo/{}", descriptor.get()));
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kKey = "Pid:\t";
    pid_t number = 0;
    if (!line.starts_with(kKey)) continue;
    const char* begin = line.data() + kKey.size();
    if (std::from_chars(begin, line.data() + line.size(), number).ec == std::errc{})
      return std::max(number, 0);
  }
  return std::nullopt;
}

Result<void> take_driver(AdoptedMount& adopted, UniqueFd driver) {
  LiveMount& mount = adopted.record.mount;
  const auto pid = process_of(driver);
  if (!pid) {
    look_for_driver(adopted);
    return {};
  }
  const auto process = identify_process(*pid);
  if (!process) return fail(Errc::kWorkerDied, "its driver has ended");
  mount.driver_pid = process->pid;
  mount.driver_start = process->start;
  mount.driver_user = process->user;
  mount.life = std::move(driver);
  return {};
}

// Its lines are read as they arrive, so reading must not block.
UniqueFd log_of(UniqueFd descriptor) {
  struct stat info = {};
  const bool ready = ::fstat(descriptor.get(), &info) == 0 && S_ISFIFO(info.st_mode) &&
                     ::fcntl(descriptor.get(), F_SETFL, O_NONBLOCK) == 0;
  return ready ? std::move(descriptor) : UniqueFd();
}

}  // namespace

Result<void> require_our_namespace(std::uint64_t mount_namespace) {
  struct stat ours = {};
  if (::stat("/proc/self/ns/mnt", &ours) == 0 && ours.st_ino == mount_namespace) return {};
  return fail(Errc::kUnsupported, "airlockd does not see this mount: it is in another namespace");
}

Result<AdoptedMount> identify_handed_over(const MountHandover& handed, MountFiles files,
                                          const std::string& mountinfo) {
  if (handed.program.size() > kLongestName || handed.origin.size() > kLongestName)
    return fail(Errc::kInvalidArgument, "a name of more than {} bytes", kLongestName);
  TRY_VOID(require_our_namespace(handed.mount_namespace));
  TRY(const auto table, read_mount_table(mountinfo));
  const auto entry = std::ranges::find_if(
      table, [&](const auto& one) { return std::cmp_equal(one.id, handed.mount); });
  if (entry == table.end())
    return fail(Errc::kInvalidArgument, "there is no mount {}", handed.mount);
  if (!is_airlock_mount(*entry) || entry->root != "/")
    return fail(Errc::kInvalidArgument, "{} is not a mount of an Airlock driver",
                quote(entry->mount_point));
  AdoptedMount adopted{.record = record_of(*entry), .state = AdoptedMount::State::kAlive};
  MountRecord& record = adopted.record;
  record.user = handed.user;
  if (record.source.device == 0) record.source.device = block_device_named(record.source.path);
  record.mount.driver = handed.program;
  record.mount.origin = handed.origin;
  record.mount.since = std::chrono::system_clock::now();
  TRY_VOID(take_driver(adopted, std::move(files.driver)));
  record.mount.log = log_of(std::move(files.log));
  if (files.image && S_ISREG(files.image->facts().mode))
    record.source.image = std::move(files.image);
  if (record.source.device == 0 && !record.source.image)
    return fail(Errc::kNotFound, "{} no longer exists", quote(record.source.path));
  return adopted;
}

std::vector<AdoptedMount> adopt_mounts(std::vector<MountRecord> records,
                                       const std::string& mountinfo) {
  std::vector<AdoptedMount> adopted;
  const auto table = read_mount_table(mountinfo);
  if (!table) {
    log(LogLevel::kError, "no existing mount can be found: {}", table.error().message());
    return adopted;
  }
  for (MountRecord& record : records) adopted.push_back(adopt(std::move(record), *table));
  return adopted;
}

std::vector<AdoptedMount> find_unrecorded_mounts(const std::string& base,
                                                 const std::vector<AdoptedMount>& known,
                                                 const std::string& mountinfo) {
  std::vector<AdoptedMount> found;
  const auto table = read_mount_table(mountinfo);
  if (!table) return found;  // adopt_mounts() has said so
  for (const MountEntry& entry : *table) {
    std::string user_name = user_of_place(base, entry.mount_point);
    const bool recorded = std::ranges::any_of(
        known, [&](const AdoptedMount& one) { return fits(entry, one.record.mount); });
    if (is_airlock_mount(entry) && !user_name.empty() && !recorded)
      found.push_back(adopt_unrecorded(entry, std::move(user_name)));
  }
  return found;
}

}  // namespace airlock
