// SPDX-License-Identifier: GPL-2.0-or-later
// A stock program that a medium has taken over, in the place of grub-mount: odd-program MEDIUM
// FOLDER. What it is to do stands at the beginning of the medium. Its last line says what it could
// do that it must not; once mounted, an open descriptor does (20: nothing, 21: something).
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string medium_name;

bool opens(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

// Anything but "not permitted" means that the kernel looked at it.
bool is_let_through(long outcome) {
  return outcome >= 0 || (errno != EPERM && errno != ENOSYS && errno != EACCES);
}

struct Attack {
  const char* name;
  bool (*works)();
};

bool executes_memory() {
  void* const memory = ::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory != MAP_FAILED;
}

bool makes_memory_executable() {
  void* const memory =
      ::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return ::mprotect(memory, 4'096, PROT_READ | PROT_EXEC) == 0;
}

bool executes_a_file() {
  std::array<char*, 1> none{nullptr};
  return is_let_through(::execve("/nonexistent", none.data(), none.data()));
}

bool executes_its_medium() {
  // A directory can't be executed: who hears that was let through.
  const int fd = ::open("/", O_PATH | O_CLOEXEC);
  const int target = fd >= 0 ? fd : 0;
  std::array<char*, 1> none{nullptr};
  const long outcome = ::syscall(SYS_execveat, target, "", none.data(), none.data(), AT_EMPTY_PATH);
  return outcome >= 0 || (errno != EPERM && errno != ENOSYS);
}

// True in the process that is new.
bool forks() {
  const pid_t before = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getpid() != before) ::_exit(0);
    return false;  // nothing is new: it goes on as if
  }
  if (child > 0) (void)::waitpid(child, nullptr, 0);
  return child > 0;
}

bool looks_at_names() {
  struct stat status{};
  return ::syscall(SYS_newfstatat, AT_FDCWD, "/etc", &status, 0) == 0;
}

constexpr std::array kAttacks = {
    Attack{"open /etc/passwd", [] { return opens("/etc/passwd", O_RDONLY); }},
    Attack{"open a library", [] { return opens("/etc/ld.so.cache", O_RDONLY); }},
    Attack{"open /proc", [] { return opens("/proc/self/maps", O_RDONLY); }},
    Attack{"open the root", [] { return opens("/", O_RDONLY | O_DIRECTORY); }},
    Attack{"open /dev/null", [] { return opens("/dev/null", O_RDWR); }},
    Attack{"open the medium for writing", [] { return opens(medium_name.c_str(), O_RDWR); }},
    Attack{"look at a name", looks_at_names},
    Attack{"make a socket", [] { return is_let_through(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    Attack{"make memory to execute", executes_memory},
    Attack{"make memory executable", makes_memory_executable},
    Attack{"share memory",
           [] {
             return ::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                           0) != MAP_FAILED;
           }},
    Attack{"execute a file", executes_a_file},
    Attack{"execute a descriptor", executes_its_medium},
    Attack{"fork", forks},
    Attack{"make a namespace", [] { return is_let_through(::unshare(CLONE_FS)); }},
    Attack{"make a file in memory",
           [] { return is_let_through(::memfd_create("odd", MFD_CLOEXEC)); }},
    Attack{"make a folder", [] { return is_let_through(::mkdir("/nonexistent/odd", 0700)); }},
    Attack{"change the root", [] { return is_let_through(::chroot("/nonexistent")); }},
    Attack{"send a signal", [] { return is_let_through(::kill(::getpid(), 0)); }},
    // Last: any signal would stop it from here on.
    Attack{"trace", [] { return is_let_through(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
};

std::string attack_everything() {
  std::string achieved;
  for (const Attack& attack : kAttacks) {
    errno = 0;
    if (attack.works()) achieved += (achieved.empty() ? "" : ", ") + std::string(attack.name);
  }
  return achieved;
}

int fuse_device = -1;

bool mount_something(const char* folder) {
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fuse_device < 0) fuse_device = device;
  const std::string data =
      "fd=" + std::to_string(fuse_device) + ",rootmode=40000,user_id=0,group_id=0";
  return ::mount("odd", folder, "fuse", MS_NOSUID | MS_NODEV, data.c_str()) == 0;
}

[[noreturn]] void wait_for_the_end() {
  std::array<char, 135'168> request{};
  // Answers nothing. The end of the connection ends it too.
  while (::read(fuse_device, request.data(), request.size()) >= 0) {
  }
  ::_exit(1);
}

int give_up(const std::string& word) {
  std::fprintf(stderr, "%s\n", word.c_str());
  return 1;
}

int attack_while_mounted(const char* folder) {
  if (!mount_something(folder)) return give_up("could not mount");
  std::string achieved = attack_everything();
  if (opens("/dev/fuse", O_RDWR) || mount_something(folder)) achieved += "mount again";
  (void)::dup2(2, achieved.empty() ? 20 : 21);
  wait_for_the_end();
}

int write_without_end() {
  while (true) std::fputs("a line that is as good as any other line of this size\n", stderr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  medium_name = argv[1];
  std::array<char, 16> word{};
  const int medium = ::open(argv[1], O_RDONLY);
  if (medium < 0 || ::read(medium, word.data(), word.size() - 1) <= 0) return give_up("no medium");
  const std::string_view task(word.data());
  if (task.starts_with("attack")) {
    const std::string achieved = attack_everything();
    return give_up(achieved.empty() ? "ACHIEVED nothing" : "ACHIEVED " + achieved);
  }
  if (task.starts_with("mounted")) return attack_while_mounted(argv[2]);
  if (task.starts_with("flood")) return write_without_end();
  if (task.starts_with("crash")) std::abort();
  if (task.starts_with("quit")) return mount_something(argv[2]) ? 0 : give_up("could not mount");
  return give_up("an odd medium");
}
