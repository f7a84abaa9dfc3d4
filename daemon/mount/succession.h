// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/mount/lifeline.h"
#include "daemon/mount/medium.h"
#include "daemon/mount/mount_session.h"

namespace airlock {

// The other side of the session of a driver that goes on with a mount: it gets the connection of
// the driver that died, its medium to read, and what that driver left. It can make no mount.
class Succession final : public MountEffects {
 public:
  Succession(Medium& medium, const Lifeline& lifeline) : medium_(medium), lifeline_(lifeline) {}

  Result<UniqueFd> open_fuse_device() override;
  Result<UniqueFd> open_medium(std::uint32_t open_flags, bool block_device_only,
                               std::uint32_t block_size) override;
  Result<UniqueFd> open_live_state() override;
  Result<std::uint32_t> pin_mount_point() override;
  Result<void> attach(const MountRequest& request, BorrowedFd fuse_device) override;
  void detach() override {}

 private:
  Medium& medium_;
  const Lifeline& lifeline_;
};

}  // namespace airlock
