// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/adapter/program_door.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "contained/adapter/command.h"
#include "lib/base/number.h"
#include "lib/base/sandbox_contract.h"
#include "lib/base/text.h"

namespace airlock::adapter {
namespace {

constexpr std::size_t kMostName = 1'024;
constexpr std::size_t kMostMountData = 4'096;
constexpr std::uint32_t kLargestRead = 16U << 20;
constexpr std::uint32_t kSmallestBlock = 512, kLargestBlock = 4'096;

// ntfs-3g looks whether the kernel has a kind of fuse for devices. It has what it is given.
constexpr std::string_view kFilesystemsName = "/proc/filesystems";
constexpr std::string_view kFilesystems = "nodev\tfuse\n\tfuseblk\n";
constexpr std::string_view kNullName = "/dev/null";
constexpr std::string_view kDevices = "/dev";

Result<UniqueFd> make_filesystems() {
  UniqueFd file(::memfd_create("filesystems", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid() || ::write(file.get(), kFilesystems.data(), kFilesystems.size()) !=
                           static_cast<ssize_t>(kFilesystems.size()))
    return fail_errno(errno, Errc::kSystem, "list the filesystems");
  // It gets this descriptor, so nobody may use it for more.
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0)
    return fail_errno(errno, Errc::kSystem, "seal the list of filesystems");
  return file;
}

std::optional<std::uint32_t> number_in(std::string_view word, std::string_view key) {
  if (!word.starts_with(key)) return std::nullopt;
  return parse_number<std::uint32_t>(std::string(word.substr(key.size())));
}

bool is_call(const seccomp_notif& question, long number) {
  return question.data.nr == static_cast<int>(number);
}

// Once it serves, nothing is read from its memory any more.
int refusal_for(const seccomp_notif& question) {
  if (asked_look(question.data)) return ENOENT;
  const bool other = is_call(question, SYS_mmap) || is_call(question, SYS_mount) ||
                     is_call(question, SYS_execveat);
  return other ? EPERM : EACCES;
}

bool is_link_call(const seccomp_notif& question) {
#ifdef SYS_readlink
  if (is_call(question, SYS_readlink)) return true;
#endif
  return is_call(question, SYS_readlinkat);
}

}  // namespace

AskedMount understand_mount(std::uint64_t flags, const std::string& data) {
  AskedMount asked{.read_only = (flags & MS_RDONLY) != 0, .max_read = {}, .block_size = {}};
  for (const std::string& word : split(data, ',')) {
    if (const auto read = number_in(word, "max_read="); read && *read > 0 && *read <= kLargestRead)
      asked.max_read = read;
    const auto block = number_in(word, "blksize=");
    const bool power = block && (*block & (*block - 1)) == 0;
    if (power && *block >= kSmallestBlock && *block <= kLargestBlock) asked.block_size = block;
    asked.read_only |= word == "ro";
  }
  return asked;
}

Result<ProgramDoor> ProgramDoor::create(UniqueFd listener, Things things) {
  UniqueFd folder(::open(kEmptyRootPlace, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid())
    return fail_errno(errno, Errc::kSystem,
                      "find the empty folder of the sandbox (stock programs run only in the "
                      "builtin sandbox)");
  TRY(auto filesystems, make_filesystems());
  return ProgramDoor(std::move(listener), std::move(things), std::move(folder),
                     std::move(filesystems));
}

std::optional<std::string> ProgramDoor::name_at(const seccomp_notif& question,
                                                std::uint64_t address) const {
  auto name = text_at(question, address, kMostName);
  if (!door_.still_asks(question)) return std::nullopt;  // it may have been another's
  return name;
}

Result<void> ProgramDoor::let_go_on_at_first(const seccomp_notif& question, int error) {
  return saw_medium_ ? door_.reply(question, error) : door_.let_go_on(question);
}

Result<void> ProgramDoor::answer_one() {
  TRY(const auto asked, door_.next());
  if (!asked) return {};
  const seccomp_notif& question = *asked;
  if (mounted_) return door_.reply(question, refusal_for(question));
  if (const auto into = asked_look(question.data)) return answer_look(question, *into);
  if (is_link_call(question)) return answer_link(question);
  if (is_call(question, SYS_mount)) return answer_mount(question);
  if (is_call(question, SYS_mmap)) return let_go_on_at_first(question, EPERM);
  if (is_call(question, SYS_execveat)) {
    if (std::exchange(started_, true)) return door_.reply(question, EPERM);
    return let_go_on_at_first(question, EPERM);
  }
  return answer_opening(question);
}

Result<void> ProgramDoor::answer_opening(const seccomp_notif& question) {
  const AskedOpening opening = asked_opening(question.data);
  const auto name = name_at(question, opening.path);
  if (!name) return door_.reply(question, EFAULT);
  if (*name == kMediumName) return open_medium(question, opening.flags);
  if (*name == kFuseName) return door_.hand_over(question, things_.fuse_device, opening.flags);
  if (*name == kFilesystemsName)
    return door_.hand_over(question, filesystems_.borrow(), opening.flags);
  if (*name == kEmptyRootPlace) return door_.hand_over(question, folder_.borrow(), opening.flags);
  // It makes sure that its first three descriptors are open. Later it would be to throw its words
  // away.
  if (*name == kNullName && !saw_medium_)
    return door_.hand_over(question, BorrowedFd{STDIN_FILENO}, opening.flags);
  if ((opening.flags & O_ACCMODE) != O_RDONLY) return door_.reply(question, EACCES);
  return let_go_on_at_first(question, EACCES);
}

Result<void> ProgramDoor::open_medium(const seccomp_notif& question, int flags) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && things_.access == MediumAccess::kReadOnly) return door_.reply(question, EROFS);
  saw_medium_ = true;
  return door_.hand_over(question, things_.medium, flags);
}

Result<void> ProgramDoor::answer_look(const seccomp_notif& question, std::uint64_t into) {
  const auto name = name_at(question, question.data.args[1]);
  if (!name) return door_.reply(question, EFAULT);
  if (*name == kMediumName) return door_.describe(question, into, things_.medium);
  if (*name == kFuseName) return door_.describe(question, into, things_.fuse_device);
  if (*name == kEmptyRootPlace) return door_.describe(question, into, folder_.borrow());
  return let_go_on_at_first(question, ENOENT);
}

// Nothing of ours is a link.
Result<void> ProgramDoor::answer_link(const seccomp_notif& question) {
  const bool at = is_call(question, SYS_readlinkat);
  const auto name = name_at(question, question.data.args[at ? 1 : 0]);
  if (!name) return door_.reply(question, EFAULT);
  const bool ours =
      *name == kMediumName || *name == kDevices || *name == kFuseName || *name == kEmptyRootPlace;
  return ours ? door_.reply(question, EINVAL) : let_go_on_at_first(question, ENOENT);
}

Result<void> ProgramDoor::answer_mount(const seccomp_notif& question) {
  // Before it has looked at the medium it can't know that it understands it.
  if (!saw_medium_) return door_.reply(question, EPERM);
  const std::uint64_t address = question.data.args[4];
  const auto data =
      address == 0 ? std::optional<std::string>("") : text_at(question, address, kMostMountData);
  if (!data || !door_.still_asks(question)) return door_.reply(question, EFAULT);
  const int error = things_.mount(understand_mount(question.data.args[3], *data));
  mounted_ = error == 0;
  return door_.reply(question, error);
}

}  // namespace airlock::adapter
