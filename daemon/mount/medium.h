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
  kOurs,    // the descriptor given to the driver keeps everybody else away
  kKernel,  // fuseblk: the kernel claims the device while it is mounted; until then it is ours
};

// The block device or image file a mount is about. The path is looked up once; every descriptor
// after that comes from the object found then. Reads nothing of its content. For images and plain
// fuse the claim travels with the descriptor and ends with its last copy.
class Medium {
 public:
  // Finds out what the path names, how large it is and whether it can be written. A
  // write-protected medium turns a wish for read-write into read-only; see read_only().
  static Result<Medium> find(const std::string& path, MediumAccess wanted);

  // The same for an image somebody handed over open, with the rights of that descriptor and no
  // others: a descriptor for reading leads to a read-only medium. `shown` is what messages and
  // mount tables call it; nothing is ever looked up by it.
  static Result<Medium> adopt(UniqueFd image, std::string shown, MediumAccess wanted);

  // Fails with Errc::kBusy and by whom if anything else uses the medium. Call once, before any
  // descriptor is asked for.
  Result<void> claim(MediumHold hold, const SystemView& view = {});

  // Of a medium the kernel will hold: lets go of it, for the kernel to take it at once.
  void yield_to_kernel();

  // From now on it is only read, whatever was wanted before.
  void restrict_to_reading() { access_ = MediumAccess::kReadOnly; }

  // Of a medium the kernel will hold: what keeps everybody else away; invalid otherwise.
  [[nodiscard]] BorrowedFd exclusive() const;

  // A descriptor for the driver. The second call for the same access gets the same open file.
  Result<UniqueFd> descriptor(MediumAccess access);

  // The full path, for the kernel, the driver and messages.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_block() const { return is_block_; }
  [[nodiscard]] bool read_only() const { return access_ == MediumAccess::kReadOnly; }
  // Asked for read-write, but the medium can only be read.
  [[nodiscard]] bool write_protected() const { return write_protected_; }
  [[nodiscard]] dev_t device() const { return device_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // How much of the machine's memory it may take by being written to.
  [[nodiscard]] std::uint64_t memory_bytes() const;
  // Tells one medium in a drive from the next; 0 for images and kernels that don't count.
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

  UniqueFd found_;  // O_PATH: names the object, gives no access; if adopted, what we were given
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
