// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/drive_actions.h"

#include <fcntl.h>
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <scsi/scsi_ioctl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/system/block_identity.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

bool means_not_made_for_it(int error) {
  return error == ENOTTY || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

std::unexpected<Error> busy(const Device& drive, const SystemView& view) {
  const auto users = users_of_device(drive.number, view);
  const std::string who = users.empty() ? "by another program" : join_phrases(users);
  return fail_errno(EBUSY, Errc::kBusy, "{} is in use: {}", drive.name, who);
}

// Opens the drive exclusively: the kernel refuses if the drive or a partition of it is mounted or
// held, and while we have it nobody can mount it. Does not wait for a medium.
Result<UniqueFd> claim(const Device& drive, const SystemView& view) {
  UniqueFd fd(::open(drive.node.c_str(), O_RDONLY | O_NONBLOCK | O_EXCL | O_CLOEXEC | O_NOCTTY));
  const int error = errno;
  if (!fd.valid() && error == EBUSY) return busy(drive, view);
  if (!fd.valid()) return fail_errno(error, errc_from_errno(error), "open {}", quote(drive.node));
  return fd;
}

Result<void> flush(const Device& drive, BorrowedFd fd) {
  if (::fsync(fd.get()) != 0)
    return fail_errno(errno, Errc::kIo, "write what is left to {}", drive.name);
  (void)::ioctl(fd.get(), BLKFLSBUF);  // only drops what was read; the next medium differs
  return {};
}

Result<UniqueFd> prepare(const Device& drive, const SystemView& view) {
  if (drive.kind == DeviceKind::kPartition)
    return fail(Errc::kInvalidArgument, "{} is a partition, not a drive", drive.name);
  TRY(auto fd, claim(drive, view));
  TRY_VOID(require_block_device(
      fd.borrow(), {.number = drive.number, .disk_sequence = drive.disk_sequence}, drive.name));
  TRY_VOID(flush(drive, fd.borrow()));
  return fd;
}

// ---- Power ----

// The USB device that a drive is part of, if its port can be switched off.
fs::path usb_device_above(const fs::path& sysfs_path) {
  std::error_code none;  // what we can't see does not exist
  for (fs::path at = sysfs_path; at.has_relative_path(); at = at.parent_path()) {
    const bool is_usb = fs::read_symlink(at / "subsystem", none).filename() == "usb";
    if (is_usb && fs::exists(at / "idVendor", none) && fs::exists(at / "remove", none)) return at;
  }
  return {};
}

dev_t number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (std::sscanf(line.c_str(), "%u:%u", &major_number, &minor_number) != 2) return 0;
  return makedev(major_number, minor_number);
}

// The other drives below the same folder, for example the slots of a card reader.
std::vector<Device> neighbours(const Device& drive, const fs::path& usb, const SystemView& view) {
  std::vector<Device> found;
  std::error_code none;
  for (fs::directory_iterator it(fs::path(view.sys) / "block", none), end; !none && it != end;
       it.increment(none)) {
    std::error_code gone;
    const fs::path place = fs::canonical(it->path(), gone);
    const bool below = !gone && place.string().starts_with(usb.string() + "/");
    if (!below || place == fs::path(drive.sysfs_path)) continue;
    const std::string name = place.filename();
    found.push_back({.number = number_in(place / "dev"), .name = name, .node = "/dev/" + name});
  }
  return found;
}

Result<void> switch_off(const fs::path& attribute, const Device& drive) {
  const UniqueFd fd(::open(attribute.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.valid() && ::write(fd.get(), "1", 1) == 1) return {};
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "switch {} off", drive.name);
}

// Parks the heads; drives that don't support this have none.
void stop_unit(BorrowedFd fd) {
  (void)::ioctl(fd.get(), SCSI_IOCTL_STOP_UNIT);
}

Result<void> power_off_usb(const Device& drive, const fs::path& usb, UniqueFd fd,
                           const SystemView& view) {
  std::vector<UniqueFd> claimed;
  claimed.push_back(std::move(fd));
  for (const Device& neighbour : neighbours(drive, usb, view)) {
    auto also = claim(neighbour, view);
    if (!also && also.error().code == Errc::kBusy)
      return fail(std::move(also), "{} can't be switched off alone", drive.name);
    if (!also) continue;  // an empty slot that can't be opened has nothing to lose
    TRY_VOID(flush(neighbour, also->borrow()));
    claimed.push_back(std::move(*also));
  }
  for (const UniqueFd& one : claimed) stop_unit(one.borrow());
  claimed.clear();
  return switch_off(usb / "remove", drive);
}

}  // namespace

Result<void> eject_medium(const Device& drive, const SystemView& view) {
  TRY(auto fd, prepare(drive, view));
  int answer = 0;
  if (drive.kind == DeviceKind::kLoop) {
    answer = ::ioctl(fd.get(), LOOP_CLR_FD, 0);
  } else {
    // Drives with a tray know the first, sticks the second: the kernel locks both while they are
    // open.
    (void)::ioctl(fd.get(), CDROM_LOCKDOOR, 0);
    (void)::ioctl(fd.get(), SCSI_IOCTL_DOORUNLOCK);
    answer = ::ioctl(fd.get(), CDROMEJECT, 0);
  }
  if (answer == 0) return {};
  const int error = errno;
  // A positive value is the drive's own answer, not an error number.
  if (answer > 0 || means_not_made_for_it(error))
    return fail(Errc::kUnsupported, "{} can't be ejected", drive.name);
  return fail_errno(error, error == EBUSY ? Errc::kBusy : Errc::kIo, "eject {}", drive.name);
}

Result<void> power_off(const Device& drive, const SystemView& view) {
  if (drive.kind == DeviceKind::kLoop)
    return fail(Errc::kUnsupported, "{} is not hardware: it can't be switched off", drive.name);
  const fs::path usb = usb_device_above(drive.sysfs_path);
  const fs::path scsi = fs::path(drive.sysfs_path) / "device/delete";
  std::error_code none;
  const bool can_leave = drive.removable && fs::exists(scsi, none);
  if (usb.empty() && !can_leave)
    return fail(Errc::kUnsupported, "{} can't be switched off", drive.name);
  TRY(auto fd, prepare(drive, view));
  if (!usb.empty()) return power_off_usb(drive, usb, std::move(fd), view);
  stop_unit(fd.borrow());
  fd.reset();
  return switch_off(scsi, drive);
}

}  // namespace airlock
