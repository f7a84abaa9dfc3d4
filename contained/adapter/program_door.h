// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "contained/runtime/door.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock::adapter {

enum class MediumAccess { kReadOnly, kReadWrite };

// The mount that the program asks for, as far as we use it.
struct AskedMount {
  bool read_only = false;
  std::optional<std::uint32_t> max_read;
  std::optional<std::uint32_t> block_size;
};

// From the flags and the text of mount(2). What is not a number of a sane size counts as not said.
AskedMount understand_mount(std::uint64_t flags, const std::string& data);

// Answers an adapted program. Until it opens the medium it is what the distribution shipped, and
// may load libraries and look for files, of which its root holds nothing else. From then on a byte
// of the medium may have taken it over, and it gets what this names and nothing more: its medium,
// the FUSE device, an empty folder, a list of kernel filesystems, and the one mount. Once it has
// that, it gets nothing.
class ProgramDoor {
 public:
  struct Things {
    BorrowedFd medium;
    BorrowedFd fuse_device;
    MediumAccess access = MediumAccess::kReadOnly;
    // Makes the mount; an errno, or 0.
    std::function<int(const AskedMount&)> mount;
  };

  static Result<ProgramDoor> create(UniqueFd listener, Things things);

  [[nodiscard]] BorrowedFd listener() const { return door_.listener(); }
  Result<void> answer_one();
  [[nodiscard]] bool mounted() const { return mounted_; }
  // Whether it has been given its medium.
  [[nodiscard]] bool saw_medium() const { return saw_medium_; }

 private:
  ProgramDoor(UniqueFd listener, Things things, UniqueFd folder, UniqueFd filesystems)
      : door_(std::move(listener)),
        things_(std::move(things)),
        folder_(std::move(folder)),
        filesystems_(std::move(filesystems)) {}

  Result<void> answer_opening(const seccomp_notif& question);
  Result<void> answer_look(const seccomp_notif& question, std::uint64_t into);
  Result<void> answer_link(const seccomp_notif& question);
  Result<void> answer_mount(const seccomp_notif& question);
  Result<void> open_medium(const seccomp_notif& question, int flags);
  // Only while it is still to be trusted.
  Result<void> let_go_on_at_first(const seccomp_notif& question, int error);
  [[nodiscard]] std::optional<std::string> name_at(const seccomp_notif& question,
                                                   std::uint64_t address) const;

  Door door_;
  Things things_;
  UniqueFd folder_;       // the mount point as it finds it
  UniqueFd filesystems_;  // what it reads as /proc/filesystems
  bool started_ = false;
  bool saw_medium_ = false;
  bool mounted_ = false;
};

}  // namespace airlock::adapter
