// SPDX-License-Identifier: GPL-2.0-or-later
// The smallest filesystem for mount.airlock: a directory with one file. The first word of the
// medium chooses the behaviour, so that a test writes its choice into an image:
//   serve       serve until unmounted
//   read-only   the same, mounted read-only with a reason
//   refuse      give a reason and exit properly
//   vanish      mount, then exit without a goodbye
//   late        ask for the mount after a while
//   later       after a long while
//   held        after the test has replaced the word "here", which the driver writes instead
//   mute        answer only the kernel's greeting
//   garbled     answer the greeting with nonsense
//   deaf        serve, but never end, not even on request
//   dies-last   serve, and end with code 7
//   deaf-commit as deaf, but when it is told to end it writes "committed" at byte 512 and ends
//   reads-last  as deaf, but when it is unmounted it reads from its medium for ever
//   unwritten   serve, and end like a driver that could not write everything
//   fills-last  serve, and fill its memory slowly when it is unmounted
//   mutes-N     serve, but never answer requests of the kind N (linux/fuse.h)
//   reads-N     the same, and read from the medium all the time
//   writes-N    the same, and write to it
//   plain       ask for a mount of plain fuse, whatever the offer
//   flood       serve, and make the kernel send it requests when a name is looked up
// Once mounted, it obeys names that are looked up: segv, abort, exit, memory, forbidden: end that
// way; memory-slowly: fill its memory slowly; loop, sleep, read-on (which reads from the medium)
// and churn (which allocates and frees memory): do not answer any more; lie: answer with nonsense;
// say-NAME: log the name; chatter: log without end.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "contained/runtime/confine.h"
#include "contained/runtime/make_filter.h"
#include "lib/base/log.h"
#include "lib/protocol/server.h"

#if defined(__SANITIZE_ADDRESS__)
// The faults are intended; ASan must not catch them.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:handle_segv=0:handle_abort=0:use_sigaltstack=0";
}
#endif

namespace airlock {
namespace {

struct Medium {
  UniqueFd fd;
  std::string behaviour;
};

std::string first_word(int medium) {
  std::array<char, 16> word = {};
  (void)!::pread(medium, word.data(), word.size() - 1, 0);
  return word.data();
}

void wait_until_released(int medium) {
  constexpr std::string_view kHere{"here", 5};
  if (::pwrite(medium, kHere.data(), kHere.size(), 0) < 0) std::_Exit(2);
  while (first_word(medium) == kHere.data()) ::usleep(10'000);
}

Result<Medium> open_medium(Server& server) {
  const std::string& path = server.arguments().at(1);
  TRY(auto opened, server.open_device_or_read_only(path, /*extra_flags=*/0));
  std::string word = first_word(opened.descriptor.get());
  return Medium{.fd = std::move(opened.descriptor), .behaviour = std::move(word)};
}

ServiceMount wanted_mount(const Server& server, const std::string& behaviour) {
  const std::vector<std::string>& words = server.arguments();
  ServiceMount wanted;
  const bool block = words.at(4).find(",blkdev") != std::string::npos && behaviour != "plain";
  wanted.kind = block ? FuseKind::kFuseblk : FuseKind::kFuse;
  wanted.source = words.at(1);
  wanted.mount_point = words.at(2);
  wanted.options = "default_permissions";
  if (words.at(4).find(",allow_other") != std::string::npos) wanted.options += ",allow_other";
  wanted.flags = MS_NOSUID | MS_NODEV;
  if (behaviour == "read-only" || words.at(4).starts_with("ro")) wanted.flags |= MS_RDONLY;
  return wanted;
}

template <typename Body>
void reply(int device, const fuse_in_header& in, int error, const Body* body) {
  fuse_out_header out = {};
  out.len = static_cast<std::uint32_t>(sizeof out + (body != nullptr ? sizeof *body : 0));
  out.error = error;
  out.unique = in.unique;
  std::array<char, sizeof out + sizeof(Body)> packet;
  std::memcpy(packet.data(), &out, sizeof out);
  if (body != nullptr) std::memcpy(packet.data() + sizeof out, body, sizeof *body);
  (void)!::write(device, packet.data(), out.len);
}

[[noreturn]] void hang() {
  for (;;) ::pause();
}

int medium_fd = -1;

// It seems to work: it drops the page it has read, so that its device reads again.
[[noreturn]] void pretend_to_work(bool writes) {
  std::array<char, 4096> page{};
  for (;; ::usleep(20'000)) {
    (void)::posix_fadvise(medium_fd, 8192, 4096, POSIX_FADV_DONTNEED);
    if (::pread(medium_fd, page.data(), page.size(), 8192) < 0) hang();
    if (!writes) continue;
    if (::pwrite(medium_fd, page.data(), page.size(), 8192) < 0) hang();
    (void)::fdatasync(medium_fd);
  }
}

[[noreturn]] void read_for_ever() {
  pretend_to_work(/*writes=*/false);
}

// Never reads the requests it causes, so that all of them stay in the kernel.
[[noreturn]] void flood(int device, std::uint64_t node) {
  struct {
    fuse_out_header header;
    fuse_notify_retrieve_out wanted;
  } ask = {};
  ask.header.len = sizeof ask;
  ask.header.error = FUSE_NOTIFY_RETRIEVE;
  ask.wanted.nodeid = node;
  ask.wanted.size = 4096;
  for (;;)  // the kernel may not have handled the lookup yet
    if (::write(device, &ask, sizeof ask) < 0 && errno != ENOENT) hang();
}

constexpr std::size_t kBite = std::size_t{1} << 20;
constexpr int kBites = 48;

// Writes every page, so it takes only a few MiB: some machines take 50 µs for a page. The limit of
// a real driver would test those machines instead. A bite comes every `pause` at the earliest.
void eat_memory(std::chrono::milliseconds pause) {
  const rlimit small{.rlim_cur = kBites * kBite, .rlim_max = kBites * kBite};
  if (::setrlimit(RLIMIT_DATA, &small) != 0) std::_Exit(2);
  std::vector<std::unique_ptr<char[]>> eaten;
  for (auto next = std::chrono::steady_clock::now();; next += pause) {
    std::this_thread::sleep_until(next);
    eaten.push_back(std::make_unique<char[]>(kBite));
  }
}

// Takes two and a half seconds at least.
void eat_memory_slowly() {
  eat_memory(std::chrono::milliseconds(2500 / kBites + 1));
}

[[noreturn]] void churn_memory() {
  for (;;) {
    void* const taken = ::mmap(nullptr, kBite, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (taken != MAP_FAILED) ::munmap(taken, kBite);
  }
}

void obey(std::string_view name) {
  if (name == "segv") *static_cast<volatile int*>(nullptr) = 1;
  if (name == "abort") std::abort();
  if (name == "exit") std::_Exit(9);
  if (name == "memory") eat_memory({});
  if (name == "memory-slowly") eat_memory_slowly();
  if (name == "churn") churn_memory();
  if (name == "sleep") hang();
  while (name == "chatter") (void)!::write(STDERR_FILENO, "Never a dull moment.\n", 21);
  if (name == "read-on") read_for_ever();
  if (name == "forbidden") {
    if (const auto filter = make_filter({})) (void)confine(*filter);  // only the next call matters
    (void)::socket(AF_INET, SOCK_STREAM, 0);
  }
  for (volatile bool always = name == "loop"; always;) {
  }
  if (name.starts_with("say-")) log(LogLevel::kNotice, "{}", name.substr(4));
}

constexpr std::uint64_t kFile = 2;
constexpr std::uint64_t kFileSize = 65536;

fuse_attr attributes_of(std::uint64_t node) {
  fuse_attr attributes = {};
  attributes.ino = node;
  attributes.mode = node == kFile ? S_IFREG | 0666 : S_IFDIR | 0777;
  attributes.nlink = node == kFile ? 1 : 2;
  attributes.size = node == kFile ? kFileSize : 0;
  return attributes;
}

// 0 if it answers all kinds.
std::uint32_t muted_kind(const std::string& behaviour) {
  const std::size_t dash = behaviour.find('-');
  if (!behaviour.starts_with("mutes-") && !behaviour.starts_with("reads-") &&
      !behaviour.starts_with("writes-"))
    return 0;
  return static_cast<std::uint32_t>(std::atoi(behaviour.c_str() + dash + 1));
}

void answer_read(int device, const fuse_in_header& in, const char* body) {
  fuse_read_in asked = {};
  std::memcpy(&asked, body, sizeof asked);
  std::vector<char> packet(sizeof(fuse_out_header) + asked.size);
  const fuse_out_header out{
      .len = static_cast<std::uint32_t>(packet.size()), .error = 0, .unique = in.unique};
  std::memcpy(packet.data(), &out, sizeof out);
  (void)!::write(device, packet.data(), packet.size());
}

void answer(int device, const fuse_in_header& in, const char* body, const std::string& behaviour) {
  if (in.opcode == muted_kind(behaviour)) return;
  if (in.opcode == FUSE_LOOKUP) obey(body);
  if (in.opcode == FUSE_LOOKUP && std::string_view(body) == "lie")
    return reply(device, in, /*error=*/12345, &in);
  if (in.opcode == FUSE_INIT && behaviour == "garbled") return reply(device, in, 0, &in.opcode);
  if (in.opcode != FUSE_INIT && behaviour == "mute") hang();
  if (in.opcode == FUSE_INIT) {
    fuse_init_out init = {};
    init.major = FUSE_KERNEL_VERSION;
    init.minor = 31;
    init.max_write = 4096;
    init.flags = FUSE_PARALLEL_DIROPS;  // each caller has a request of its own
    if (muted_kind(behaviour) == FUSE_WRITE) init.flags |= FUSE_WRITEBACK_CACHE;
    reply(device, in, 0, &init);
  } else if (in.opcode == FUSE_GETATTR || in.opcode == FUSE_SETATTR) {
    fuse_attr_out attributes = {};
    attributes.attr = attributes_of(in.nodeid);
    reply(device, in, 0, &attributes);
  } else if (in.opcode == FUSE_LOOKUP && std::string_view(body) == "file") {
    fuse_entry_out entry = {};
    entry.nodeid = kFile;
    entry.attr = attributes_of(kFile);
    reply(device, in, 0, &entry);
    if (behaviour == "flood") flood(device, kFile);
  } else if (in.opcode == FUSE_READ) {
    answer_read(device, in, body);
  } else if (in.opcode == FUSE_WRITE) {
    fuse_write_in asked = {};
    std::memcpy(&asked, body, sizeof asked);
    const fuse_write_out done{.size = asked.size, .padding = 0};
    reply(device, in, 0, &done);
  } else if (in.opcode != FUSE_FORGET && in.opcode != FUSE_BATCH_FORGET) {
    // The kernel does not repeat a request of an unknown kind, and treats it as done.
    reply<fuse_init_out>(device, in, in.opcode == FUSE_DESTROY ? 0 : -ENOSYS, /*body=*/nullptr);
  }
}

bool is_deaf(const std::string& behaviour) {
  return behaviour == "deaf" || behaviour == "deaf-commit" || behaviour == "reads-last";
}

// Like a driver that is told to end.
void commit_when_told() {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    constexpr std::string_view kMark = "committed";
    const bool written =
        ::pwrite(medium_fd, kMark.data(), kMark.size(), 512) == static_cast<ssize_t>(kMark.size());
    ::_exit(written && ::fsync(medium_fd) == 0 ? 0 : 1);
  };
  (void)::sigaction(SIGTERM, &action, nullptr);
}

void serve(int device, const std::string& behaviour) {
  std::vector<char> buffer(std::size_t{1} << 20);
  while (::read(device, buffer.data(), buffer.size()) > 0) {
    fuse_in_header in = {};
    std::memcpy(&in, buffer.data(), sizeof in);
    if (in.opcode == FUSE_DESTROY && behaviour == "reads-last") read_for_ever();
    if (in.opcode == FUSE_DESTROY && is_deaf(behaviour)) hang();
    if (in.opcode == FUSE_DESTROY && behaviour == "fills-last") eat_memory_slowly();
    answer(device, in, buffer.data() + sizeof in, behaviour);
    if (in.opcode == FUSE_DESTROY) break;
  }
  if (behaviour == "reads-last") read_for_ever();
  if (is_deaf(behaviour)) hang();
  if (behaviour == "dies-last") std::_Exit(7);
  if (behaviour == "unwritten") {
    log(LogLevel::kError, "the last changes are not on the medium");
    std::_Exit(1);
  }
}

Result<void> run() {
  TRY(const RootState root, enter_empty_root());
  (void)root;
  TRY(auto adopted, Server::adopt(Activation::from_environment()));
  if (!adopted) return fail(Errc::kInvalidArgument, "not started as a driver");
  Server server = std::move(*adopted);
  TRY_VOID(server.accept());
  TRY(const auto medium, open_medium(server));
  TRY_VOID(server.finish_opening());
  if (medium.behaviour == "refuse") {
    (void)server.goodbye(1);  // it fails only if the other end has gone
    return fail(Errc::kWrongFormat, "this \x1b[31mmedium\x1b[0m wants to be refused");
  }
  if (medium.behaviour == "read-only") log(LogLevel::kNotice, "the journal must be replayed");
  if (medium.behaviour == "late") ::usleep(300'000);
  if (medium.behaviour == "later") ::usleep(3'000'000);
  if (medium.behaviour == "held") wait_until_released(medium.fd.get());
  TRY_VOID(server.make_mount(wanted_mount(server, medium.behaviour)));
  if (medium.behaviour == "vanish") std::_Exit(3);
  // Before the goodbye: after it the starter may exit at any moment, and this driver with it.
  outlive_starter();
  TRY_VOID(server.goodbye(0));
  medium_fd = medium.fd.get();
  if (medium.behaviour == "deaf" || medium.behaviour == "reads-last")
    (void)::signal(SIGTERM, SIG_IGN);
  if (medium.behaviour == "deaf-commit") commit_when_told();
  if (muted_kind(medium.behaviour) != 0 && !medium.behaviour.starts_with("mutes-"))
    std::thread(pretend_to_work, medium.behaviour.starts_with("writes-")).detach();
  serve(server.fuse_device().get(), medium.behaviour);
  return {};
}

}  // namespace
}  // namespace airlock

int main() {
  airlock::log_open("airlock-ext", airlock::LogLevel::kNotice);
  const auto done = airlock::run();
  if (done) return 0;
  airlock::log(airlock::LogLevel::kError, "{}", done.error().message());
  return 1;
}
