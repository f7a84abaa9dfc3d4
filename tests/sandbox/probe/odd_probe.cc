// SPDX-License-Identifier: GPL-2.0-or-later
// A worker in the place of airlock-probe that does what the first line of the medium says: what a
// probe could become when a medium takes it over. It is in the same sandbox, but for a few more
// system calls. Never installed.
#include <linux/blkzoned.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
#include <linux/sed-opal.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "contained/runtime/confine.h"
#include "contained/runtime/make_filter.h"
#include "lib/base/sandbox_contract.h"
#include "lib/protocol/channel.h"
#include "lib/protocol/probe_record.h"

namespace airlock {
namespace {

const std::vector<SyscallRule> kCalls{
#include "contained/probe/syscalls.inc"
    AIRLOCK_ALLOW(pause)};

void send(Channel& channel, const Bytes& bytes, BorrowedFd descriptor = kNoDescriptor) {
  // The other end may have gone, which is part of the game.
  (void)channel.send(bytes, descriptor, deadline_in(std::chrono::seconds{5}));
}

Bytes good_answer() {
  return encode_probe_reply(ProbeRecord{.type = "ext4", .usage = ProbeUsage::kFilesystem}).value();
}

[[noreturn]] void stay() {
  while (true) ::pause();
}

[[noreturn]] void eat_memory() {
  constexpr std::size_t kBite = std::size_t{1} << 20;
  std::vector<std::vector<char>> bites;
  while (true) bites.emplace_back(kBite, 'x');
}

// Not std::raise: in its process namespace a worker can't send itself a signal that counts.
void fault() {
#if defined(__SANITIZE_ADDRESS__)
  (void)::signal(SIGSEGV, SIG_DFL);  // the sanitizer would make an exit code of it
#endif
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;  // NOLINT: that is the point
}

void say(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void flood() {
  const std::string line(200, 'x');
  for (int i = 0; i < 20'000; ++i) say(line + "\n");
}

Bytes with_type(std::string_view type) {
  Bytes bytes = good_answer();
  for (std::size_t i = 0; i < type.size(); ++i) bytes.at(32 + i) = static_cast<std::byte>(type[i]);
  bytes.at(24) = static_cast<std::byte>(type.size());
  return bytes;
}

const std::map<std::string, std::function<void(Channel&, BorrowedFd)>> kDeeds = {
    {"behave", [](Channel& channel, BorrowedFd) { send(channel, good_answer()); }},
    {"fault", [](Channel&, BorrowedFd) { fault(); }},
    {"abort", [](Channel&, BorrowedFd) { std::abort(); }},
    {"hang", [](Channel&, BorrowedFd) { stay(); }},
    {"spin",
     [](Channel&, BorrowedFd) {
       const volatile bool forever = true;
       while (forever) {
       }
     }},
    {"hang up and stay",
     [](Channel& channel, BorrowedFd) {
       channel.close();
       stay();
     }},
    {"eat memory", [](Channel&, BorrowedFd) { eat_memory(); }},
    {"call out", [](Channel&, BorrowedFd) { (void)::socket(AF_INET, SOCK_STREAM, 0); }},
    {"leave", [](Channel&, BorrowedFd) { ::_exit(0); }},
    {"complain",
     [](Channel&, BorrowedFd) {
       say("airlock-probe: it \xe2\x80\xae hurts\x1b[2J\n");
       ::_exit(3);
     }},
    {"answer little", [](Channel& channel, BorrowedFd) { send(channel, Bytes(3)); }},
    {"answer much", [](Channel& channel, BorrowedFd) { send(channel, Bytes(70'000)); }},
    {"answer zeros", [](Channel& channel, BorrowedFd) { send(channel, Bytes(kProbeReplyLength)); }},
    {"answer a path", [](Channel& channel, BorrowedFd) { send(channel, with_type("../ext4")); }},
    {"answer and fault",
     [](Channel& channel, BorrowedFd) {
       send(channel, good_answer());
       fault();
     }},
    {"answer and stay",
     [](Channel& channel, BorrowedFd) {
       send(channel, good_answer());
       stay();
     }},
    {"answer twice",
     [](Channel& channel, BorrowedFd) {
       send(channel, good_answer());
       send(channel, with_type("vfat"));
     }},
    {"send the medium back",
     [](Channel& channel, BorrowedFd medium) { send(channel, good_answer(), medium); }},
    {"flood",
     [](Channel& channel, BorrowedFd) {
       flood();
       send(channel, good_answer());
     }},
    {"refuse",
     [](Channel& channel, BorrowedFd) {
       send(channel, encode_probe_reply(ProbeRefusal{ProbeRefusal::Reason::kUnreadable,
                                                     "no\n\x1b[31m \xe2\x80\xae"})
                         .value());
     }},
};

std::string first_line(BorrowedFd medium) {
  std::array<char, 64> text{};
  if (::pread(medium.get(), text.data(), text.size() - 1, 0) < 0) return "";
  const std::string_view whole(text.data());
  return std::string(whole.substr(0, whole.find('\n')));
}

int run() {
  if (!enter_empty_root()) return 10;
  Channel channel{UniqueFd(kControlDescriptor)};
  const auto filter = make_filter(kCalls);
  if (!filter || !confine(*filter)) return 11;
  auto request = channel.receive(kProbeRequest.size(), Descriptors::kTakeOne,
                                 deadline_in(std::chrono::seconds{30}));
  if (!request) return 12;
  const BorrowedFd medium = request->descriptor.borrow();
  const auto deed = kDeeds.find(first_line(medium));
  if (deed == kDeeds.end()) return 13;
  deed->second(channel, medium);
  return 0;
}

}  // namespace
}  // namespace airlock

int main() {
  return airlock::run();
}
