// SPDX-License-Identifier: GPL-2.0-or-later
// A checker that attacks, in the place of e2fsck. What it is to do stands on the medium; it says
// "ACHIEVED" when something worked that must not, and "held" when it did not.
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace {

int medium() {
  return ::open("/dev/medium", O_RDONLY);
}

void tell(bool achieved, const char* what) {
  std::printf("%s %s\n", achieved ? "ACHIEVED" : "held", what);
}

void try_open(const char* path, int flags) {
  const int fd = ::open(path, flags, 0600);
  tell(fd >= 0, path);
  if (fd >= 0) ::close(fd);
}

int open_other_nodes() {
  for (const char* path : {"/dev/sda", "/dev/vda", "/dev/loop0", "/dev/loop-control", "/dev/mem",
                           "/dev/zero", "/dev/fuse"})
    try_open(path, O_RDONLY);
  for (unsigned major = 1; major < 10; ++major)
    tell(::mknod("/tmp/node", S_IFBLK | 0600, static_cast<dev_t>(major << 8U)) == 0, "mknod");
  return 0;
}

int open_other_files() {
  for (const char* path : {"/etc/passwd", "/etc/shadow", "/proc/self/maps", "/proc/1/environ",
                           "/sys/block", "/root", "/home", "/tmp", "/run", "/var"})
    try_open(path, O_RDONLY);
  for (const char* path : {"/new", "/usr/lib/new", "/lib/new", "/dev/new"})
    try_open(path, O_RDWR | O_CREAT);
  tell(::unlink("/etc/ld.so.cache") == 0, "unlink");
  tell(::mkdir("/folder", 0700) == 0, "mkdir");
  tell(::chroot("/usr") == 0, "chroot");
  return 0;
}

int use_network() {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET})
    tell(::socket(family, SOCK_STREAM, 0) >= 0, "socket");
  return 0;
}

int write_the_medium() {
  tell(::open("/dev/medium", O_RDWR) >= 0, "open for writing");
  const int fd = medium();
  tell(fd < 0, "open for reading");
  tell(::pwrite(fd, "spoilt", 6, 4096) > 0, "pwrite");
  tell(::ftruncate(fd, 0) == 0, "ftruncate");
  std::array<unsigned long long, 2> range{0, 4096};
  tell(::ioctl(fd, BLKDISCARD, range.data()) == 0, "discard");
  tell(::ioctl(fd, BLKZEROOUT, range.data()) == 0, "zero out");
  tell(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED, "map");
  return 0;
}

int make_processes() {
  for (int i = 0; i < 10; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    tell(child > 0, "fork");
  }
  tell(::syscall(SYS_vfork) > 0, "vfork");
  tell(::unshare(CLONE_NEWUSER) == 0, "unshare");
  std::array<char*, 2> arguments{const_cast<char*>("x"), nullptr};
  tell(::execve("/lib64/ld-linux-x86-64.so.2", arguments.data(), nullptr) == 0, "execve");
  return 0;
}

int attack_its_watcher() {
  tell(::kill(1, SIGKILL) == 0, "kill");
  tell(::kill(-1, SIGKILL) == 0, "kill all");
  tell(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0, "ptrace");
  tell(::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0, "mount");
  tell(::setuid(0) == 0, "setuid");
  tell(::syscall(SYS_process_vm_writev, 1, nullptr, 0, nullptr, 0, 0) == 0, "write memory");
  return 0;
}

int write_without_end() {
  static std::array<char, 65536> noise;
  noise.fill('x');
  while (::write(1, noise.data(), noise.size()) != 0) {
  }
  return 0;
}

int open_without_end() {
  while (medium() >= 0) {
  }
  std::puts("held open");
  return 0;
}

int run_without_end() {
  while (true) {
  }
}

int take_memory() {
  std::size_t taken = 0;
  constexpr std::size_t kPiece = std::size_t{16} << 20;
  while (void* piece = std::malloc(kPiece)) {
    std::memset(piece, 1, kPiece);
    taken += kPiece;
    if (taken > (std::size_t{1} << 30)) break;
  }
  tell(taken > (std::size_t{1} << 30), "memory");
  return 0;
}

int lie(int code) {
  std::puts("e2fsck 1.99.0 (1-Jan-2026)");
  return code;
}

int progress_nonsense() {
  for (const char* line : {"9 9 9 x\n", "1 99999999999999999999 1 x\n", "-1 2 3\n", "1 5 1 x\n",
                           "2 1 2 x\n", "\n\n\n"})
    tell(::write(5, line, std::strlen(line)) < 0, "progress");
  return 0;
}

// A little, and no more.
int tell_a_share() {
  constexpr std::string_view kLine = "2 1 2 x\n";
  if (::write(5, kLine.data(), kLine.size()) < 0) return 80;
  return run_without_end();
}

}  // namespace

int main(int argc, char** argv) {
  // There is never a journal to replay, and the attack comes with the check.
  for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc)))
    if (word == "journal_only") return lie(0);
  (void)std::setvbuf(stdout, nullptr, _IONBF, 0);
  const int fd = medium();
  if (fd < 0) return 77;
  std::array<char, 64> wish{};
  if (::pread(fd, wish.data(), wish.size() - 1, 0) <= 0) return 78;
  const std::string word(wish.data());
  const std::map<std::string, int (*)()> kWishes = {
      {"nodes", open_other_nodes},     {"files", open_other_files},
      {"network", use_network},        {"write", write_the_medium},
      {"processes", make_processes},   {"watcher", attack_its_watcher},
      {"flood", write_without_end},    {"descriptors", open_without_end},
      {"spin", run_without_end},       {"memory", take_memory},
      {"progress", progress_nonsense}, {"share", tell_a_share}};
  if (word.starts_with("code ")) return lie(std::atoi(word.c_str() + 5));
  if (word == "crash") std::raise(SIGSEGV);
  const auto found = kWishes.find(word);
  return found == kWishes.end() ? 79 : found->second();
}
