// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mount/lifeline.h"
#include "daemon/mount/medium.h"
#include "daemon/mount/mount.h"
#include "daemon/mount/mount_session.h"

namespace airlock {

// Decisions of the mounting side, made before it listens to a driver. A driver's requests can't
// widen them.
struct MounterOptions {
  std::uint32_t flags = 0;      // MS_ bits that must be set
  bool keeps_lifeline = false;  // for a successor of the driver
};

// Carries out what one mount session decides: opens /dev/fuse and the medium, attaches the
// filesystem to its pinned place, takes it away again. The source shown in the mount table, nosuid,
// nodev and read-only come from here and not from the driver. Borrows the medium and the mount
// point, owns the mount it made. One mount per object.
class Mounter final : public MountEffects {
 public:
  Mounter(Medium& medium, const MountPoint& mount_point, const MounterOptions& options);
  Mounter(const Mounter&) = delete;
  Mounter& operator=(const Mounter&) = delete;
  ~Mounter() override = default;

  Result<UniqueFd> open_fuse_device() override;
  Result<UniqueFd> open_medium(std::uint32_t open_flags, bool block_device_only,
                               std::uint32_t block_size) override;
  Result<UniqueFd> open_live_state() override;
  Result<std::uint32_t> pin_mount_point() override;
  Result<void> attach(const MountRequest& request, BorrowedFd fuse_device) override;
  void detach() override;

  [[nodiscard]] bool attached() const { return mount_.has_value(); }
  // The driver may choose read-only although read-write was allowed. Only once attached.
  [[nodiscard]] bool mounted_read_only() const { return read_only_; }
  [[nodiscard]] bool mounted_as_fuseblk() const { return fuseblk_; }
  [[nodiscard]] const Mount& mount() const { return *mount_; }
  // The kernel called the device busy although we held it exclusively until then: a mount of it
  // that was just taken away still lives on in another namespace.
  [[nodiscard]] bool device_was_busy() const { return device_was_busy_; }
  // The mount outlives this object.
  void keep();
  // Holds nothing if none was to be kept, or the driver did not ask for its part. Once.
  Lifeline take_lifeline();

 private:
  Medium& medium_;
  const MountPoint& mount_point_;
  MounterOptions options_;
  Lifeline lifeline_;
  std::optional<Mount> mount_;
  bool read_only_ = false;
  bool fuseblk_ = false;
  bool device_was_busy_ = false;
};

// Whether the running kernel has the filesystem type ("fuse", "fuseblk").
bool kernel_has_filesystem(std::string_view type, const SystemView& view = {});

}  // namespace airlock
