// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/unmount_errand.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>

#include "daemon/mount/fuse_control.h"
#include "daemon/system/block_identity.h"
#include "daemon/system/busy_processes.h"
#include "daemon/system/mount_table.h"
#include "daemon/system/mount_table_watch.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr const char* kTable = "/proc/self/mountinfo";
constexpr int kLooksAtCopies = 10;
constexpr auto kBetweenLooks = 100ms;

// umount2() takes a path, so ours must be the uppermost mount there: the last one in the table.
Result<bool> is_reachable(const MountTableWatch::Table& table, const MountEntry& ours) {
  const auto top =
      std::ranges::find(table.rbegin(), table.rend(), ours.mount_point, &MountEntry::mount_point);
  if (top->id == ours.id) return true;
  return fail(Errc::kBusy, "something else is mounted over {}", quote(ours.mount_point));
}

// The options of a filesystem are the same in every mount table that contains it.
std::optional<MountOwner> owner_in(const std::string& file, dev_t filesystem) {
  const auto table = read_mount_table(file);
  return table ? owner_of(*table, filesystem) : std::nullopt;
}

// With a copy elsewhere, the kernel would take ours away without a word, and the filesystem, its
// driver and unwritten data would live on for the copy. Returns true if only strangers have copies:
// any user can copy all mounts into their own namespace, but can do nothing in a mount that the
// kernel keeps them out of.
Result<bool> require_no_copies(const MountIdentity& mount) {
  auto owner = owner_in(kTable, mount.filesystem);
  auto copies = find_namespaces_with_copies(mount);
  // A namespace that is still being set up, for example for our own probe, drops its copy.
  for (int i = 0; i < kLooksAtCopies && !copies.empty(); ++i) {
    std::this_thread::sleep_for(kBetweenLooks);
    copies = find_namespaces_with_copies(mount);
  }
  if (copies.empty()) return false;
  // After umount(8) only the copies can still tell.
  if (!owner) owner = owner_in(fmt::format("/proc/{}/mountinfo", copies[0].pid), mount.filesystem);
  const auto user = std::ranges::find_if(
      copies, [&](const BusyProcess& process) { return !owner || owner->lets_in(process.user); });
  if (user != copies.end())
    return fail(Errc::kBusy, "{} is in use: process {} has a copy of it in another mount namespace",
                quote(mount.mount_point), user->pid);
  // So far one process stood for each namespace; another one in it may have a file open.
  const auto holders = find_busy_processes(mount);
  const auto holder = std::ranges::find_if(holders, [&](const BusyProcess& process) {
    return process.pid != 0 && !process.has_copy && (!owner || owner->lets_in(process.user));
  });
  if (holder != holders.end())
    return fail(Errc::kBusy, "{} is in use: process {} uses a copy of it", quote(mount.mount_point),
                holder->pid);
  // A full list may be incomplete: then the driver must not be ended while in use.
  return copies.size() < kMostBusyProcesses && holders.size() < kMostBusyProcesses;
}

// The root of the mount, opened as a user whom the kernel lets in: to anybody else the kernel
// answers without asking the driver. Invalid if the mount is gone.
Result<UniqueFd> enter_as_owner(const MountIdentity& mount) {
  TRY(const auto table, read_mount_table(kTable));
  const MountEntry* ours = find_mount(table, mount.mount_id, mount.filesystem);
  if (ours == nullptr) return UniqueFd();
  UniqueFd root(::open(ours->mount_point.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail_errno(errno, Errc::kSystem, "open {}", quote(mount.mount_point));
  const MountOwner owner = owner_in(kTable, mount.filesystem).value_or(MountOwner{});
  if (::setgroups(0, nullptr) != 0 || ::setresgid(owner.group, owner.group, owner.group) != 0 ||
      ::setresuid(owner.user, owner.user, owner.user) != 0)
    return fail_errno(errno, Errc::kSystem, "become the user of {}", quote(mount.mount_point));
  return root;
}

}  // namespace

Result<ErrandReport> do_unmount(const MountIdentity& mount, int umount_flags) {
  TRY(const auto table, read_mount_table(kTable));
  const MountEntry* ours = find_mount(table, mount.mount_id, mount.filesystem);
  bool stays = false;
  if (umount_flags == 0) {
    TRY(stays, require_no_copies(mount));
  }
  const std::string kept(stays ? kStaysForStrangers : "");
  if (ours == nullptr) return ErrandReport{.bytes = stays ? kept : "gone", .descriptors = {}};
  TRY(const bool reachable, is_reachable(table, *ours));
  (void)reachable;  // the failure says everything
  if (::umount2(ours->mount_point.c_str(), umount_flags | UMOUNT_NOFOLLOW) == 0)
    return ErrandReport{.bytes = kept, .descriptors = {}};
  const int error = errno;
  if (error == EBUSY)
    return fail_errno(error, Errc::kBusy, "{} is in use", quote(ours->mount_point));
  return fail_errno(error, errc_from_errno(error), "unmount {}", quote(ours->mount_point));
}

Result<ErrandReport> do_abort(const MountIdentity& mount) {
  TRY(const auto table, read_mount_table(kTable));
  if (find_mount(table, mount.mount_id, mount.filesystem) == nullptr) return ErrandReport{};
  FuseControl control;
  TRY_VOID(control.abort(mount.filesystem));
  return ErrandReport{};
}

Result<UniqueFd> open_to_flush(const MountSource& source) {
  if (source.image) return source.image->take();
  if (source.device == 0)
    return fail(Errc::kNotFound, "no process kept the image {} open", quote(source.path));
  // Read-only, because udev probes a device again after it was open for writing.
  UniqueFd device(::open(source.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!device.valid()) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "open {}", quote(source.path));
  }
  TRY_VOID(require_block_device(device.borrow(),
                                {.number = source.device, .disk_sequence = source.disk_sequence},
                                source.path));
  return device;
}

Result<void> do_flush(const MountSource& source) {
  TRY(const auto medium, open_to_flush(source));
  if (::fsync(medium.get()) == 0) return {};
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "write {} out", quote(source.path));
}

Result<ErrandReport> do_write_out(const MountIdentity& mount, const MountSource& source) {
  // Before we become its user, who may not open it. An image that no process kept open has only its
  // driver.
  const auto medium = open_to_flush(source);
  TRY(const auto root, enter_as_owner(mount));
  if (!root.valid()) return ErrandReport{.bytes = "gone", .descriptors = {}};
  const UniqueFd folder(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // The kernel hands its data over to the driver; only some kernels also tell the driver to sync.
  const bool written = folder.valid() && ::syncfs(folder.get()) == 0 &&
                       (::fsync(folder.get()) == 0 || errno == ENOSYS || errno == EINVAL) &&
                       (!medium || ::fsync(medium->get()) == 0);
  if (written) return ErrandReport{};
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "write {} out", quote(mount.mount_point));
}

Result<ErrandReport> do_probe(const MountIdentity& mount) {
  TRY(const auto root, enter_as_owner(mount));
  if (!root.valid()) return ErrandReport{.bytes = "gone", .descriptors = {}};
  struct statfs answer = {};
  if (::fstatfs(root.get(), &answer) == 0 || errno == ENOSYS) return ErrandReport{};
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "ask the driver of {}",
                    quote(mount.mount_point));
}

}  // namespace airlock
