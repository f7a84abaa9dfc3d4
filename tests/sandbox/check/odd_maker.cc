// SPDX-License-Identifier: GPL-2.0-or-later
// A program that misbehaves in the place of mkfs.ext4. The label of the new filesystem says how.
// First it writes something that is recognised on a medium, as if it had got halfway.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

namespace {

void tell(bool achieved, const char* what) {
  std::printf("%s %s\n", achieved ? "ACHIEVED" : "held", what);
}

int attack(int medium) {
  std::array<unsigned long long, 2> range{0, 4096};
  tell(::ioctl(medium, BLKDISCARD, range.data()) == 0, "discard");
  tell(::ioctl(medium, BLKZEROOUT, range.data()) == 0, "zero out");
  tell(::ftruncate(medium, 0) == 0, "ftruncate");
  tell(::socket(AF_UNIX, SOCK_STREAM, 0) >= 0, "socket");
  tell(::open("/etc/passwd", O_RDONLY) >= 0, "open a file");
  tell(::open("/usr/lib/new", O_RDWR | O_CREAT, 0600) >= 0, "make a file");
  tell(::syscall(SYS_clone, 0x3d0f00UL, nullptr, nullptr, nullptr, 0UL) >= 0, "thread");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  tell(child > 0, "fork");
  tell(::kill(1, SIGKILL) == 0, "kill");
  return 1;
}

int behave(std::string_view how, int medium) {
  if (how == "SPIN")
    while (true) {
    }
  if (how == "CRASH") (void)std::raise(SIGSEGV);
  if (how == "ATTACK") return attack(medium);
  // A lie: nothing that it says has been made.
  if (how == "LIE") return 0;
  std::puts("the odd maker does not want to");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  (void)std::setvbuf(stdout, nullptr, _IONBF, 0);
  std::string_view how;
  bool next = false;
  for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc))) {
    if (next) how = word;
    next = word == "-L";
  }
  const int medium = ::open("/dev/medium", O_RDWR);
  constexpr std::string_view kHalf("LUKS\xba\xbe\0\1", 8);
  if (medium < 0 || ::pwrite(medium, kHalf.data(), kHalf.size(), 0) < 0 || ::fsync(medium) != 0)
    return 77;
  return behave(how, medium);
}
