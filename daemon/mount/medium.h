// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/system/busy.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

enum class MediumAccess { kReadOnly, kReadWrite };
enum class MediumHold {
  kOurs,    // the driver's descriptor keeps everybody else away
  kKernel,  // fuseblk: the kernel claims the device while it is mounted; until then we do
};

// The block device or image file of a mount. The path is looked up once; every later descriptor
// comes from the object found then. Does not read its content. For images and plain fuse the claim
// travels with the descriptor and ends with its last copy.
class Medium {
 public:
  // Finds out what the path names, how large it is and whether it can be written. If the medium is
  // write-protected, read-write becomes read-only; see read_only().
  static Result<Medium> find(const std::string& path, MediumAccess wanted);

  // The same for an image that somebody handed over open, with the rights of that descriptor and no
  // others: a read-only descriptor makes a read-only medium. `shown` is its name in messages and
  // mount tables; nothing is ever looked up by it.
  static Result<Medium> adopt(UniqueFd image, std::string shown, MediumAccess wanted);

  // Fails with Errc::kBusy and the user's name if anything else uses the medium. Call once, before
  // asking for any descriptor.
  Result<void> claim(MediumHold hold, const SystemView& view = {});

  // Instead of claim(), for a medium that the kernel holds because it is mounted: reads beside it.
  void read_beside_kernel() { hold_ = MediumHold::kKernel; }

  // For a medium that the kernel will hold: releases it, so that the kernel can take it at once.
  void yield_to_kernel();

  // From now on it is only read, whatever was wanted before.
  void restrict_to_reading() { access_ = MediumAccess::kReadOnly; }

  // For a medium that the kernel will hold: the descriptor that keeps everybody else away; invalid
  // otherwise.
  [[nodiscard]] BorrowedFd exclusive() const;

  // A descriptor for the driver. The second call for the same access gets the same open file.
  Result<UniqueFd> descriptor(MediumAccess access);

  // The full path, for the kernel, the driver and messages.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_block() const { return is_block_; }
  [[nodiscard]] bool read_only() const { return access_ == MediumAccess::kReadOnly; }
  // Read-write was wanted, but the medium can only be read.
  [[nodiscard]] bool write_protected() const { return write_protected_; }
  [[nodiscard]] dev_t device() const { return device_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // How much of the machine's memory writes to it may take.
  [[nodiscard]] std::uint64_t memory_bytes() const;
  // Tells one medium in a drive from the next; 0 for images and kernels that don't count them.
  [[nodiscard]] std::uint64_t disk_sequence() const { return disk_sequence_; }

 private:
  Medium(UniqueFd found, std::string path) : found_(std::move(found)), path_(std::move(path)) {}
  Result<void> examine(MediumAccess wanted);
  Result<void> examine_adopted(MediumAccess wanted);
  Result<UniqueFd> open(int flags) const;
  Result<void> hold(MediumAccess access);
  Result<void> claim_device(MediumHold hold, const SystemView& view);
  Result<void> claim_image(const SystemView& view);
  [[nodiscard]] ImageUse image_use(const SystemView& view) const;
  [[nodiscard]] std::vector<std::string> users_elsewhere(const SystemView& view) const;
  std::unexpected<Error> busy(const std::vector<std::string>& users) const;

  UniqueFd found_;  // O_PATH: names the object, gives no access; if adopted, the given one
  UniqueFd held_;
  std::string path_;
  bool is_block_ = false;
  bool adopted_ = false;
  bool write_protected_ = false;
  MediumAccess access_ = MediumAccess::kReadOnly;
  MediumAccess held_access_ = MediumAccess::kReadOnly;
  MediumHold hold_ = MediumHold::kOurs;
  dev_t device_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t disk_sequence_ = 0;
};

}  // namespace airlock
