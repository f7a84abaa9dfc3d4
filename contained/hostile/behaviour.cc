// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/hostile/behaviour.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "contained/hostile/attack_result.h"
#include "contained/runtime/confine.h"

namespace airlock::hostile {
namespace {

volatile char* beyond_the_end = nullptr;  // mapped, but its file is gone

int stay() {
  report("ready");
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

int stay_deaf() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  return stay();
}

int outlive() {
  outlive_starter();
  return stay();
}

// Writes on without a reader until asked to stop by the end of the control channel.
int write_without_reader() {
  outlive_starter();
  report("ready");
  char byte = 0;
  while (::recv(kControlDescriptor, &byte, 1, 0) > 0) continue;
  for (int round = 0; round < 100; ++round) (void)!::write(STDERR_FILENO, "still here\n", 11);
  return stay();
}

int fault() {
  volatile int* const nowhere = nullptr;
  *nowhere = 1;  // NOLINT: the point
  return 0;
}

int bus_error() {
  return *beyond_the_end;
}

int bad_instruction() {
  __builtin_trap();
}

int divide_by_zero() {
#if defined(__x86_64__)
  asm volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx" : : : "eax", "ecx", "edx");
#endif
  return 0;
}

// Each frame is used after the call, so that it can't be a loop.
int overflow_stack(int depth) {  // NOLINT(misc-no-recursion): the point
  std::array<volatile char, 4096> frame{};
  frame[0] = static_cast<char>(depth);
  if (depth == std::numeric_limits<int>::max()) return 0;  // the stack ends long before
  return overflow_stack(depth + 1) + frame[0];
}

int use_up_memory() {
  std::vector<std::string> hoard;
  while (true) hoard.emplace_back(std::size_t{1} << 20, 'x');
}

int forbidden_call() {
  (void)::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  return 0;
}

int forbidden_call_in_thread() {
  std::thread([] { forbidden_call(); }).join();
  return 0;
}

// The signal blocked: the kernel ends the process without the report.
int forbidden_call_unseen() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  return forbidden_call();
}

int flood_log() {
  const std::string line(999, 'x');
  for (int count = 0; count < 1000; ++count)
    (void)!::write(STDERR_FILENO, (line + "\n").c_str(), line.size() + 1);
  (void)!::write(STDERR_FILENO, "\nlast words\n", 12);
  report("ready");
  return 0;
}

void* wait_to_be_cancelled(void*) {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

// What honest code does at run time: threads that end, throw and are cancelled, time, chance,
// memory large and small, files it may not open.
void throw_and_catch() {
  try {
    throw std::runtime_error("caught");
  } catch (const std::runtime_error&) {
    return;
  }
}

int live_honestly() {
  std::vector<std::thread> threads;
  for (int count = 0; count < 8; ++count) threads.emplace_back(throw_and_catch);
  for (std::thread& thread : threads) thread.join();
  pthread_t cancelled{};
  if (::pthread_create(&cancelled, nullptr, wait_to_be_cancelled, nullptr) != 0) return 1;
  if (::pthread_cancel(cancelled) != 0 || ::pthread_join(cancelled, nullptr) != 0) return 2;
  std::vector<int> numbers(1'000'000);
  for (int size = 1'000'000; size < 3'000'000; size += 500'000)
    numbers.resize(static_cast<std::size_t>(size));
  std::qsort(numbers.data(), 1000, sizeof(int), [](const void*, const void*) { return 0; });
  if (::access("/etc/localtime", F_OK) == 0) return 3;
  const std::time_t now = std::time(nullptr);
  if (std::localtime(&now) == nullptr || std::strlen(std::strerror(ENOENT)) == 0) return 4;
  report("ready");
  return 0;
}

// Descriptors travel to workers, never from them.
int send_descriptor() {
  char byte = 'x';
  iovec content{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int given = STDIN_FILENO;
  std::memcpy(CMSG_DATA(rights), &given, sizeof given);
  const int error = won_if(::sendmsg(kControlDescriptor, &message, MSG_NOSIGNAL) == 1);
  report(fmt::format("sent {}", error));
  return 0;
}

struct Behaviour {
  std::string_view name;
  int (*run)();
};

constexpr auto kBehaviours = std::to_array<Behaviour>({
    {"stay", stay},
    {"stay-deaf", stay_deaf},
    {"outlive", outlive},
    {"write-without-reader", write_without_reader},
    {"fault", fault},
    {"abort", []() -> int { std::abort(); }},
    {"bus-error", bus_error},
    {"bad-instruction", bad_instruction},
    {"divide-by-zero", divide_by_zero},
    {"overflow-stack", [] { return overflow_stack(0); }},
    {"use-up-memory", use_up_memory},
    {"forbidden-call", forbidden_call},
    {"forbidden-call-in-thread", forbidden_call_in_thread},
    {"forbidden-call-unseen", forbidden_call_unseen},
    {"flood-log", flood_log},
    {"live-honestly", live_honestly},
    {"send-descriptor", send_descriptor},
    {"exit-0", [] { return 0; }},
    {"exit-7", [] { return 7; }},
});

}  // namespace

void prepare_behaviour(std::string_view name) {
  if (name != "bus-error") return;
  const int file = ::memfd_create("airlock-hostile", MFD_CLOEXEC);
  void* const mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  if (mapped != MAP_FAILED) beyond_the_end = static_cast<volatile char*>(mapped);
}

int behave(std::string_view name) {
  const auto found = std::ranges::find(kBehaviours, name, &Behaviour::name);
  return found == kBehaviours.end() ? -1 : found->run();
}

void report(std::string_view text) {
  (void)::send(kControlDescriptor, text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace airlock::hostile
