// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// What the process that holds a file reports about it.
struct FileFacts {
  mode_t mode = 0;  // st_mode
  int flags = 0;    // of open(2), as F_GETFL returns them
  std::uint64_t size = 0;
};

// A file that a caller lent. airlockd never has a descriptor of it, because closing one can take
// for ever: the file may be on somebody's FUSE server or on a network that is gone. Another process
// keeps the file, and errands, which may hang without harm, get their descriptors from it.
class HeldFile {
 public:
  HeldFile(const FileFacts& facts, uid_t lender) : facts_(facts), lender_(lender) {}
  HeldFile(const HeldFile&) = delete;
  HeldFile& operator=(const HeldFile&) = delete;
  virtual ~HeldFile() = default;

  [[nodiscard]] const FileFacts& facts() const { return facts_; }
  [[nodiscard]] uid_t lender() const { return lender_; }
  // The descriptor that an errand must keep if it is going to call take().
  [[nodiscard]] virtual BorrowedFd keeper() const = 0;
  // In an errand only: a descriptor of the same open file.
  [[nodiscard]] virtual Result<UniqueFd> take() const = 0;

 private:
  FileFacts facts_;
  uid_t lender_;
};

// For errands that work with this file, or with a device if there is no file.
inline std::optional<uid_t> lender_of(const std::shared_ptr<HeldFile>& file) {
  return file ? std::optional(file->lender()) : std::nullopt;
}

}  // namespace airlock
