// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <utility>

#include "daemon/api/held_file.h"
#include "lib/base/duplicate.h"

namespace airlock {

// A lent file with its descriptor in this process.
class FileHere final : public HeldFile {
 public:
  explicit FileHere(UniqueFd file) : HeldFile(facts_of(file.borrow()), 0), file_(std::move(file)) {}

  [[nodiscard]] BorrowedFd keeper() const override { return file_.borrow(); }
  [[nodiscard]] Result<UniqueFd> take() const override { return duplicate(file_.borrow()); }

 private:
  static FileFacts facts_of(BorrowedFd file) {
    struct stat info = {};
    if (::fstat(file.get(), &info) != 0) return {};
    return {.mode = info.st_mode,
            .flags = ::fcntl(file.get(), F_GETFL),
            .size = static_cast<std::uint64_t>(info.st_size)};
  }

  UniqueFd file_;
};

inline std::shared_ptr<HeldFile> file_here(UniqueFd file) {
  return std::make_shared<FileHere>(std::move(file));
}

}  // namespace airlock
