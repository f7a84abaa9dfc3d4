// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/fuse_waiters.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "daemon/system/directory_entries.h"
#include "daemon/system/mount_table.h"
#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

// The kernel functions that ask a driver, by the beginning of their names. Compilers merge some
// into others, so several stand for one request, and any may be missing.
struct Asker {
  std::string_view function;
  std::string_view request;
};
constexpr auto kAskers = std::to_array<Asker>({
    {"fuse_lookup", "LOOKUP"},
    {"fuse_dentry_revalidate", "LOOKUP"},
    {"fuse_do_getattr", "GETATTR"},
    {"fuse_update_", "GETATTR"},
    {"fuse_getattr", "GETATTR"},
    {"fuse_do_statx", "STATX"},
    {"fuse_statfs", "STATFS"},
    {"fuse_access", "ACCESS"},
    {"fuse_create_open", "CREATE"},
    {"fuse_atomic_open", "CREATE"},
    {"fuse_send_open", "OPEN"},
    {"fuse_file_open", "OPEN"},
    {"fuse_do_open", "OPEN"},
    {"fuse_open", "OPEN"},
    {"fuse_dir_open", "OPENDIR"},
    {"fuse_readdir", "READDIR"},
    {"fuse_send_read", "READ"},
    {"fuse_do_read", "READ"},
    {"fuse_read", "READ"},
    {"fuse_cache_read_iter", "READ"},
    {"fuse_file_read_iter", "READ"},
    {"fuse_send_write", "WRITE"},
    {"fuse_perform_write", "WRITE"},
    {"fuse_cache_write_iter", "WRITE"},
    {"fuse_file_write_iter", "WRITE"},
    {"fuse_flush_times", "SETATTR"},
    {"fuse_flush", "FLUSH"},
    {"fuse_fsync", "FSYNC"},
    {"fuse_dir_fsync", "FSYNCDIR"},
    {"fuse_sync_fs", kSyncRequest},
    {"fuse_do_setattr", "SETATTR"},
    {"fuse_setattr", "SETATTR"},
    {"fuse_get_link", "READLINK"},
    {"fuse_mknod", "MKNOD"},
    {"fuse_mkdir", "MKDIR"},
    {"fuse_unlink", "UNLINK"},
    {"fuse_rmdir", "RMDIR"},
    {"fuse_rename", "RENAME"},
    {"fuse_symlink", "SYMLINK"},
    {"fuse_link", "LINK"},
    {"fuse_getxattr", "GETXATTR"},
    {"fuse_xattr_get", "GETXATTR"},
    {"fuse_listxattr", "LISTXATTR"},
    {"fuse_setxattr", "SETXATTR"},
    {"fuse_xattr_set", "SETXATTR"},
    {"fuse_file_fallocate", "FALLOCATE"},
    {"fuse_file_llseek", "LSEEK"},
    {"fuse_lseek", "LSEEK"},
    {"fuse_do_ioctl", "IOCTL"},
    {"fuse_ioctl", "IOCTL"},
    {"fuse_priv_ioctl", "IOCTL"},
    {"fuse_copy_file_range", "COPY_FILE_RANGE"},
});

// A task that waits for a lock waits for another task, which is found itself if it waits for a
// driver. A user may hold a file lock for as long as they like.
constexpr auto kLocks = std::to_array<std::string_view>(
    {"rwsem_", "down_", "__down_", "mutex_", "__mutex_", "locks_", "flock_", "posix_lock_"});

// Where a system call has its object: the argument with a descriptor, the one with a path. With
// both, the path starts at the folder that the descriptor refers to.
struct Place {
  long call;
  int descriptor = -1;
  int path = -1;
};
constexpr auto kPlaces = std::to_array<Place>({
    {SYS_read, 0},          {SYS_write, 0},         {SYS_pread64, 0},         {SYS_pwrite64, 0},
    {SYS_readv, 0},         {SYS_writev, 0},        {SYS_preadv, 0},          {SYS_pwritev, 0},
    {SYS_preadv2, 0},       {SYS_pwritev2, 0},      {SYS_getdents64, 0},      {SYS_fsync, 0},
    {SYS_fdatasync, 0},     {SYS_syncfs, 0},        {SYS_ftruncate, 0},       {SYS_fstat, 0},
    {SYS_fstatfs, 0},       {SYS_lseek, 0},         {SYS_fallocate, 0},       {SYS_ioctl, 0},
    {SYS_fchmod, 0},        {SYS_fchown, 0},        {SYS_fgetxattr, 0},       {SYS_fsetxattr, 0},
    {SYS_flistxattr, 0},    {SYS_fremovexattr, 0},  {SYS_readahead, 0},       {SYS_openat, 0, 1},
    {SYS_openat2, 0, 1},    {SYS_statx, 0, 1},      {SYS_mkdirat, 0, 1},      {SYS_mknodat, 0, 1},
    {SYS_unlinkat, 0, 1},   {SYS_renameat2, 0, 1},  {SYS_linkat, 0, 1},       {SYS_symlinkat, 1, 2},
    {SYS_readlinkat, 0, 1}, {SYS_faccessat, 0, 1},  {SYS_faccessat2, 0, 1},   {SYS_fchmodat, 0, 1},
    {SYS_fchownat, 0, 1},   {SYS_utimensat, 0, 1},  {SYS_truncate, -1, 0},    {SYS_statfs, -1, 0},
    {SYS_chdir, -1, 0},     {SYS_getxattr, -1, 0},  {SYS_lgetxattr, -1, 0},   {SYS_setxattr, -1, 0},
    {SYS_lsetxattr, -1, 0}, {SYS_listxattr, -1, 0}, {SYS_llistxattr, -1, 0},  {SYS_execve, -1, 0},
#ifdef SYS_newfstatat  // not on 32-bit systems
    {SYS_newfstatat, 0, 1}, {SYS_fadvise64, 0},     {SYS_sync_file_range, 0},
#endif
#ifdef SYS_renameat
    {SYS_renameat, 0, 1},
#endif
#ifdef SYS_open  // processors older than arm64
    {SYS_open, -1, 0},      {SYS_creat, -1, 0},     {SYS_stat, -1, 0},        {SYS_lstat, -1, 0},
    {SYS_access, -1, 0},    {SYS_mkdir, -1, 0},     {SYS_mknod, -1, 0},       {SYS_rmdir, -1, 0},
    {SYS_unlink, -1, 0},    {SYS_rename, -1, 0},    {SYS_link, -1, 0},        {SYS_symlink, -1, 1},
    {SYS_readlink, -1, 0},  {SYS_chmod, -1, 0},     {SYS_chown, -1, 0},       {SYS_lchown, -1, 0},
    {SYS_utimes, -1, 0},
#endif
});

struct SystemCall {
  long number = -1;
  std::array<std::uint64_t, 6> arguments{};
};

// "0 0x3 0x7ff... 0x1000 0x0 0x0 0x0 0x7ff... 0x7f...", or "running", or "-1 0x... 0x...".
std::optional<SystemCall> read_system_call(std::string_view text) {
  SystemCall call;
  const auto number = parse_number<long>(take_until(text, ' '));
  if (!number || *number < 0) return std::nullopt;
  call.number = *number;
  for (std::uint64_t& argument : call.arguments) {
    const std::string_view word = take_until(text, ' ');
    if (!word.starts_with("0x")) return std::nullopt;
    const auto value = parse_number<std::uint64_t>(
        word.substr(2), 0, std::numeric_limits<std::uint64_t>::max(), /*base=*/16);
    if (!value) return std::nullopt;
    argument = *value;
  }
  return call;
}

std::string link_text(const std::string& path) {
  std::array<char, 4096> text;
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

// A path in another process's memory. Reading it may wait for a page just as the process would.
std::string path_in_memory(pid_t process, std::uint64_t address) {
  std::array<char, 4096> text;
  const std::size_t in_page = text.size() - address % text.size();  // the next may be unmapped
  iovec here{.iov_base = text.data(), .iov_len = in_page};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address in that process, not in ours
  iovec there{.iov_base = reinterpret_cast<void*>(address), .iov_len = in_page};
  const ssize_t size = ::process_vm_readv(process, &here, 1, &there, 1, 0);
  if (size <= 0) return {};
  const std::string_view read(text.data(), static_cast<std::size_t>(size));
  const std::size_t end = read.find('\0');
  return end == std::string_view::npos ? std::string() : std::string(read.substr(0, end));
}

// One task, examined through its folder in /proc.
class Task {
 public:
  Task(pid_t process, pid_t task, std::string folder)
      : process_(process), task_(task), folder_(std::move(folder)) {}

  std::optional<FuseWaiter> look(const std::function<bool(uid_t)>& may_enter);

 private:
  [[nodiscard]] std::string text(const char* name) const { return file_text(folder_ + name); }
  bool read_status(FuseWaiter& waiter) const;
  [[nodiscard]] dev_t filesystem(FuseWait::Kind kind);
  [[nodiscard]] dev_t of_call(const SystemCall& call);
  [[nodiscard]] dev_t of_descriptor(std::uint64_t number);
  [[nodiscard]] dev_t of_path(const std::string& path);
  [[nodiscard]] dev_t of_mapping();
  [[nodiscard]] std::vector<dev_t> open_to(uid_t user);
  const std::vector<MountEntry>& mounts();

  pid_t process_, task_;
  std::string folder_;
  std::optional<std::vector<MountEntry>> mounts_;
};

const std::vector<MountEntry>& Task::mounts() {
  if (!mounts_)
    mounts_ = read_mount_table(folder_ + "/mountinfo").value_or(std::vector<MountEntry>());
  return *mounts_;
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(at + key.size());
  while (rest.starts_with('\t') || rest.starts_with(' ')) rest.remove_prefix(1);
  return parse_number<std::uint64_t>(rest.substr(0, rest.find_first_of("\t\n ")));
}

bool Task::read_status(FuseWaiter& waiter) const {
  const std::string status = text("/status");
  const auto user = number_behind(status, "\nUid:");
  const auto given_up = number_behind(status, "\nvoluntary_ctxt_switches:");
  const auto taken = number_behind(status, "\nnonvoluntary_ctxt_switches:");
  const std::string stat = text("/stat");
  const std::size_t name_end = stat.rfind(')');
  if (!user || !given_up || !taken || name_end == std::string::npos) return false;
  // After the name: the state, then numbers; the task's start is the twentieth word.
  std::string_view rest = std::string_view(stat).substr(name_end + 1);
  constexpr int kWordsBeforeStart = 20;
  for (int i = 0; i < kWordsBeforeStart; ++i) (void)take_until(rest, ' ');
  const auto started = parse_number<std::uint64_t>(take_until(rest, ' '));
  if (!started) return false;
  waiter.user = static_cast<uid_t>(*user);
  waiter.wait = {.task = task_, .started = *started, .switches = *given_up + *taken};
  return true;
}

dev_t Task::of_descriptor(std::uint64_t number) {
  if (number > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) return 0;
  const auto mount = number_behind(text(fmt::format("/fdinfo/{}", number).c_str()), "mnt_id:");
  if (!mount) return 0;
  const auto entry = std::ranges::find_if(
      mounts(), [&](const MountEntry& at) { return std::cmp_equal(at.id, *mount); });
  return entry == mounts().end() ? 0 : entry->device;
}

dev_t Task::of_path(const std::string& path) {
  if (path.contains("/..")) return 0;
  const MountEntry* const mount = mount_below(mounts(), path);
  return mount == nullptr ? 0 : mount->device;
}

// Skips a process with more mappings than that: the waiting user decides how many there are.
dev_t Task::of_mapping() {
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  const UniqueFd file(::open((folder_ + "/maps").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return 0;
  const std::string maps = read_text(file.borrow(), kMostBytes).value_or("");
  for (const MountEntry& entry : mounts()) {
    if (!entry.type.starts_with("fuse")) continue;
    const std::string device =
        fmt::format(" {:02x}:{:02x} ", major(entry.device), minor(entry.device));
    if (maps.contains(device)) return entry.device;
  }
  return 0;
}

std::vector<dev_t> Task::open_to(uid_t user) {
  std::vector<dev_t> found;
  for (const MountEntry& entry : mounts())
    if (entry.type.starts_with("fuse") && owner_of(mounts(), entry.device)->lets_in(user))
      found.push_back(entry.device);
  return found;
}

dev_t Task::of_call(const SystemCall& call) {
  const auto place = std::ranges::find(kPlaces, call.number, &Place::call);
  if (place == kPlaces.end()) return 0;
  const auto argument = [&](int at) { return call.arguments[static_cast<std::size_t>(at)]; };
  if (place->path < 0) return of_descriptor(argument(place->descriptor));
  const std::string path = path_in_memory(process_, argument(place->path));
  if (path.starts_with('/')) return of_path(path);
  const bool from_here =
      place->descriptor < 0 || static_cast<int>(argument(place->descriptor)) == AT_FDCWD;
  if (!from_here) return of_descriptor(argument(place->descriptor));
  const std::string folder = link_text(folder_ + "/cwd");
  return path.empty() || !folder.starts_with('/') ? 0 : of_path(folder + '/' + path);
}

dev_t Task::filesystem(FuseWait::Kind kind) {
  dev_t found = 0;
  if (const auto call = read_system_call(text("/syscall"))) found = of_call(*call);
  if (found == 0 && kind == FuseWait::Kind::kPageFault) found = of_mapping();
  const auto is_fuse = [found](const MountEntry& entry) {
    return entry.device == found && entry.type.starts_with("fuse");
  };
  // A link on the way can lead from any path into any filesystem.
  return std::ranges::any_of(mounts(), is_fuse) ? found : 0;
}

std::optional<FuseWaiter> Task::look(const std::function<bool(uid_t)>& may_enter) {
  const FuseWait wait = read_fuse_stack(text("/stack"));
  if (wait.kind == FuseWait::Kind::kNone) return std::nullopt;
  FuseWaiter waiter;
  if (!read_status(waiter)) return std::nullopt;
  waiter.request = wait.request;
  waiter.for_all = wait.kind == FuseWait::Kind::kSync;
  if (waiter.for_all) return waiter;
  if (!may_enter(waiter.user))
    return wait.request == kSyncRequest ? std::optional(std::move(waiter)) : std::nullopt;
  waiter.filesystem = filesystem(wait.kind);
  if (wait.kind == FuseWait::Kind::kPageFault && waiter.filesystem == 0) return std::nullopt;
  if (waiter.filesystem == 0) waiter.possible = open_to(waiter.user);
  return waiter;
}

}  // namespace

// One function a line: "[<0>] fuse_do_getattr+0x12/0x34 [fuse]".
FuseWait read_fuse_stack(std::string_view stack) {
  using Kind = FuseWait::Kind;
  FuseWait wait;
  while (!stack.empty()) {
    std::string_view line = take_until(stack, '\n');
    (void)take_until(line, ' ');
    const std::string_view function = line.substr(0, line.find_first_of("+ "));
    const auto is_of = [function](std::string_view start) { return function.starts_with(start); };
    // A driver that waits for a request, or answers one.
    if (is_of("fuse_dev_")) return {};
    if (wait.kind == Kind::kNone && std::ranges::any_of(kLocks, is_of)) return {};
    if (wait.kind == Kind::kNone && function.starts_with("filemap_fault"))
      wait = {.kind = Kind::kPageFault, .request = "READ"};
    if (wait.kind == Kind::kNone && function.starts_with("wait_sb_inodes"))
      wait = {.kind = Kind::kSync, .request = "WRITE"};
    if (!function.starts_with("fuse_") && !function.starts_with("__fuse_") &&
        function != "request_wait_answer")
      continue;
    wait.kind = Kind::kDriver;
    const auto asker = std::ranges::find_if(
        kAskers, [&](const Asker& at) { return function.starts_with(at.function); });
    if (wait.request.empty() && asker != kAskers.end()) wait.request = asker->request;
  }
  return wait;
}

std::vector<FuseWaiter> find_fuse_waiters(const std::function<bool(uid_t)>& may_enter,
                                          const SystemView& view) {
  std::vector<FuseWaiter> found;
  for (const auto& process_folder : entries_of(view.proc)) {
    const auto process = parse_number<pid_t>(process_folder.filename().native());
    if (!process) continue;
    for (const auto& folder : entries_of(process_folder / "task")) {
      const auto task = parse_number<pid_t>(folder.filename().native());
      if (!task) continue;
      if (auto waiter = Task(*process, *task, folder.native()).look(may_enter))
        found.push_back(std::move(*waiter));
    }
  }
  return found;
}

}  // namespace airlock
