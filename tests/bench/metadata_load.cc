// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/metadata_load.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <functional>

#include "lib/base/c_ptr.h"
#include "tests/bench/files.h"

namespace airlock::bench {
namespace {

using Call = std::function<int(int directory, const char* name)>;

std::vector<std::string> file_names(std::uint64_t count) {
  std::vector<std::string> names;
  for (std::uint64_t index = 0; index < count; ++index)
    names.push_back(fmt::format("file-{:06}.txt", index));
  return names;
}

Result<Figures> for_each_file(const std::string& path, std::uint64_t count, const Call& call) {
  const auto names = file_names(count);
  TRY(const auto directory, open_file(path, O_RDONLY | O_DIRECTORY));
  const Stopwatch stopwatch;
  for (const auto& name : names)
    if (call(directory.get(), name.c_str()) != 0)
      return fail_errno(errno, errc_from_errno(errno), "{}/{}", path, name);
  return Figures{{.name = "seconds", .value = stopwatch.seconds()},
                 {.name = "operations", .value = static_cast<double>(count)}};
}

int create_file(int directory, const char* name) {
  const int file = ::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  return file < 0 ? file : ::close(file);
}

int stat_file(int directory, const char* name) {
  struct stat status = {};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW);
}

Result<void> wait_for(pid_t process, const std::string& program) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0)
    if (errno != EINTR) return fail_errno(errno, Errc::kSystem, "wait for {}", program);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Errc::kSystem, "{} failed (wait status {:#x})", program, status);
}

Result<pid_t> spawn(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  const int error =
      ::posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno(error, errc_from_errno(error), "start {}", command.front());
  return process;
}

}  // namespace

Result<Figures> create_files(const std::string& directory, std::uint64_t count) {
  if (::mkdir(directory.c_str(), 0755) != 0)
    return fail_errno(errno, errc_from_errno(errno), "mkdir {}", directory);
  return for_each_file(directory, count, create_file);
}

Result<Figures> create_many_files(const std::string& path, std::uint64_t count) {
  constexpr std::uint64_t kPart = 1000;
  if (count < 2 * kPart) return fail(Errc::kInvalidArgument, "at least {} files", 2 * kPart);
  if (::mkdir(path.c_str(), 0755) != 0)
    return fail_errno(errno, errc_from_errno(errno), "mkdir {}", path);
  TRY(const auto directory, open_file(path, O_RDONLY | O_DIRECTORY));
  double first = 0;
  double before_last = 0;
  const Stopwatch stopwatch;
  for (std::uint64_t index = 0; index < count; ++index) {
    if (index == kPart) first = stopwatch.seconds();
    if (index + kPart == count) before_last = stopwatch.seconds();
    const std::string name = fmt::format("f{:06}.txt", index);
    if (create_file(directory.get(), name.c_str()) != 0)
      return fail_errno(errno, errc_from_errno(errno), "{}/{}", path, name);
  }
  const double seconds = stopwatch.seconds();
  return Figures{{.name = "seconds", .value = seconds},
                 {.name = "first", .value = first},
                 {.name = "last", .value = seconds - before_last}};
}

Result<Figures> stat_files(const std::string& directory, std::uint64_t count) {
  return for_each_file(directory, count, stat_file);
}

Result<Figures> unlink_files(const std::string& directory, std::uint64_t count) {
  return for_each_file(directory, count,
                       [](int parent, const char* name) { return ::unlinkat(parent, name, 0); });
}

Result<Figures> run_program(const std::vector<std::string>& command) {
  const Stopwatch stopwatch;
  TRY(const auto process, spawn(command));
  TRY_VOID(wait_for(process, command.front()));
  return Figures{{.name = "seconds", .value = stopwatch.seconds()}};
}

Result<Figures> read_directory_when_told(const std::string& directory) {
  (void)std::puts("ready");
  (void)std::fflush(stdout);  // if the caller is gone, the next read shows it
  if (std::getchar() == EOF) return fail(Errc::kPeerGone, "nobody said go");
  const CPtr<DIR, closedir> handle(::opendir(directory.c_str()));
  if (!handle) return fail_errno(errno, errc_from_errno(errno), "opendir {}", directory);
  errno = 0;
  double entries = 0;
  while (::readdir(handle.get()) != nullptr) ++entries;
  if (errno != 0) return fail_errno(errno, Errc::kIo, "readdir {}", directory);
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Figures{
      {.name = "finished",
       .value = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9},
      {.name = "entries", .value = entries}};
}

}  // namespace airlock::bench
