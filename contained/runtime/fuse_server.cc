// SPDX-License-Identifier: GPL-2.0-or-later
// Requests are read here and given to libfuse, by as many threads as it takes.
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>

#include "contained/runtime/fuse_session.h"
#include "contained/runtime/interruption.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr int kMostSeekRounds = 1000;

// Not in the headers of older kernels: a notification at which every name the kernel was told of is
// looked up again, and the first minor version of the protocol that has it.
constexpr std::int32_t kForgetNames = 8;
constexpr std::uint32_t kForgetNamesSince = 44;

// Requests that older headers do not have: the first is of Linux 6.2, the other of 6.6.
constexpr std::uint32_t kMakeUnnamed = 51;
constexpr std::uint32_t kExtendedAttributes = 52;

// A notification at which the kernel repeats what was not answered, and the second half of the
// flags by which it says so (Linux 6.9).
constexpr std::int32_t kResend = 7;
constexpr std::uint32_t kHasResend = 1U << 7;

struct ExtendedTime {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
  std::int32_t unused;
};
ExtendedTime extended_time(timespec time) {
  return {
      .seconds = time.tv_sec, .nanoseconds = static_cast<std::uint32_t>(time.tv_nsec), .unused = 0};
}

// The answer to kExtendedAttributes, as in linux/fuse.h of Linux 6.6.
struct ExtendedAnswer {
  fuse_out_header header;
  std::uint64_t valid_seconds;
  std::uint32_t valid_nanoseconds;
  std::uint32_t flags;
  std::uint64_t unused[2];
  std::uint32_t mask;
  std::uint32_t block_size;
  std::uint64_t attributes;
  std::uint32_t links;
  std::uint32_t user;
  std::uint32_t group;
  std::uint16_t mode;
  std::uint16_t unused_too;
  std::uint64_t inode;
  std::uint64_t size;
  std::uint64_t blocks;
  std::uint64_t attributes_mask;
  ExtendedTime access_time;
  ExtendedTime birth_time;
  ExtendedTime change_time;
  ExtendedTime modify_time;
  std::uint32_t device_major;
  std::uint32_t device_minor;
  std::uint32_t filesystem_major;
  std::uint32_t filesystem_minor;
  std::uint64_t unused_end[14];
};
static_assert(sizeof(ExtendedAnswer) == sizeof(fuse_out_header) + 32 + 256);

ExtendedAnswer extended_answer(const struct stat& stat) {
  ExtendedAnswer answer = {};
  answer.header.len = sizeof answer;
  answer.mask = STATX_BASIC_STATS;
  answer.block_size = static_cast<std::uint32_t>(stat.st_blksize);
  answer.links = static_cast<std::uint32_t>(stat.st_nlink);
  answer.user = stat.st_uid;
  answer.group = stat.st_gid;
  answer.mode = static_cast<std::uint16_t>(stat.st_mode);
  answer.inode = stat.st_ino;
  answer.size = static_cast<std::uint64_t>(stat.st_size);
  answer.blocks = static_cast<std::uint64_t>(stat.st_blocks);
  answer.access_time = extended_time(stat.st_atim);
  answer.change_time = extended_time(stat.st_ctim);
  answer.modify_time = extended_time(stat.st_mtim);
  answer.device_major = major(stat.st_rdev);
  answer.device_minor = minor(stat.st_rdev);
  return answer;
}

// Has a thread come back from the system call it waits in.
constexpr int kWakeUp = SIGUSR1;
constexpr std::chrono::milliseconds kBetweenWakeUps{10};
// What a helper and a seeker get to come back; a medium that answers at all takes less.
constexpr std::chrono::seconds kPatience{2};

void catch_wake_up() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  (void)::sigaction(kWakeUp, &action, nullptr);
}

// Being told to end is the first thread's; what the kernel raises for a fault must stay
// deliverable. No thread where the limit on them is reached.
template <typename Work>
std::optional<std::jthread> start_thread(Work work) {
  sigset_t before;
  (void)::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  sigset_t its = before;
  sigaddset(&its, SIGTERM);
  sigaddset(&its, SIGALRM);
  sigdelset(&its, kWakeUp);
  (void)::pthread_sigmask(SIG_SETMASK, &its, nullptr);
  const Defer restore([&before] { (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr); });
  try {
    return std::jthread(std::move(work));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

ssize_t device_read(int device, void* into, std::size_t size, void*) {
  return ::read(device, into, size);
}

// Adds to the answer of INIT what libfuse before 3.17 cannot ask for: with HANDLE_KILLPRIV_V2 the
// kernel stops asking for security.capability before every single write.
ssize_t device_write(int device, iovec* parts, int count, void* server) {
  const bool answers_init = current_request.header != nullptr &&
                            current_request.header->opcode == FUSE_INIT && count == 2 &&
                            parts[1].iov_len >= offsetof(fuse_init_out, max_background);
  if (!answers_init || static_cast<fuse_out_header*>(parts[0].iov_base)->error != 0)
    return ::writev(device, parts, count);
  const auto* offered = current_body<fuse_init_in>();
  if (offered != nullptr && (offered->flags & FUSE_HANDLE_KILLPRIV_V2) != 0)
    static_cast<fuse_init_out*>(parts[1].iov_base)->flags |= FUSE_HANDLE_KILLPRIV_V2;
  return static_cast<FuseServer::Impl*>(server)->answer_opening({parts, 2});
}

unsigned cores() {
  cpu_set_t ours;
  CPU_ZERO(&ours);
  // Fails where there are more than a set can hold.
  if (::sched_getaffinity(0, sizeof ours, &ours) != 0) return CPU_SETSIZE;
  return static_cast<unsigned>(CPU_COUNT(&ours));
}

// Until there is a request, for a moment at most. Others that need this core get it.
void wait_awake(int device) {
  const auto until = std::chrono::steady_clock::now() + BusyPoll::kMoment;
  pollfd requests = {.fd = device, .events = POLLIN, .revents = 0};
  while (::poll(&requests, 1, 0) == 0 && std::chrono::steady_clock::now() < until)
    (void)::sched_yield();
}

// Requests that wait for the medium on their own, next to which others can be answered.
bool moves_data(std::uint32_t opcode) {
  switch (opcode) {
    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
    case FUSE_SYNCFS:
    case FUSE_FALLOCATE:
    case FUSE_LSEEK:
    case FUSE_IOCTL:
      return true;
    default:
      return false;
  }
}

void populate(std::byte* memory, std::size_t size) {
  if (::madvise(memory, size, MADV_POPULATE_WRITE) != 0)
    std::memset(memory, 0, size);  // kernels before 5.14
}

bool connection_ended(int error_number) {
  // ENODEV after umount or abort; the others from a socket in a test.
  return error_number == ENODEV || error_number == ECONNRESET || error_number == EPIPE;
}

}  // namespace

Result<Buffers> Buffers::create() {
  void* memory = ::mmap(nullptr, kRequestBytes + kMaxTransfer, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno(errno, Errc::kOutOfMemory, "reserve request buffers");
  Buffers buffers(static_cast<std::byte*>(memory));
  populate(buffers.memory_, kSmallRequestBytes);
  return buffers;
}

void Buffers::make_resident() const {
  populate(memory_ + kSmallRequestBytes, kRequestBytes - kSmallRequestBytes);
}

Buffers::~Buffers() {
  if (memory_ != nullptr) (void)::munmap(memory_, kRequestBytes + kMaxTransfer);
}

FuseServer::Impl::Impl(const Options& wanted)
    : options(wanted),
      busy_poll(cores()),
      reader_token(busy_poll.is_pointless() ? std::max(1u, options.threads) : 1,
                   [this] { call_helpers(); }) {}

// A successor must give the answer that the kernel has; then it needs no other. Kept before it is
// given: without the answer there is no mount that could be gone on with.
ssize_t FuseServer::Impl::answer_opening(std::span<const iovec> parts) {
  std::vector<std::byte> answer;
  for (const iovec& part : parts) {
    const auto* begin = static_cast<const std::byte*>(part.iov_base);
    answer.insert(answer.end(), begin, begin + part.iov_len);
  }
  if (expected_answer) {
    answered_as_expected = std::ranges::equal(answer, *expected_answer);
    return static_cast<ssize_t>(answer.size());
  }
  if (options.live != nullptr)
    options.live->keep_opening({current_request.buffers->request(), current_request.length},
                               answer);
  return ::writev(device, parts.data(), static_cast<int>(parts.size()));
}

Result<void> FuseServer::Impl::repeat_opening(const LiveState::Opening& opening) {
  const Buffers& mine = buffers.front();
  const std::size_t size = opening.request.size();
  std::memcpy(mine.request(), opening.request.data(), size);
  current_request = {.buffers = &mine,
                     .header = reinterpret_cast<const fuse_in_header*>(mine.request()),
                     .length = size};
  const Defer answered([] { current_request = {}; });
  const auto* offered = current_body<fuse_init_in>();
  if (offered == nullptr || current_request.header->opcode != FUSE_INIT ||
      current_request.header->len != size)
    return fail(Errc::kProtocol, "the state that the driver before left is damaged");
  if ((offered->flags2 & kHasResend) == 0)
    return fail(Errc::kUnsupported, "this kernel does not repeat requests (Linux 6.9 does)");
  expected_answer = opening.answer;
  process(mine, size);
  expected_answer.reset();
  if (!answered_as_expected)
    return fail(Errc::kUnsupported, "the driver before agreed with the kernel on something else");
  learn_of_forgetting();
  return {};
}

ssize_t FuseServer::Impl::next_request(const Buffers& mine) {
  if (busy_poll.is_pointless()) return ::read(device, mine.request(), Buffers::kRequestBytes);
  const auto since = std::chrono::steady_clock::now();
  const bool awake = busy_poll.stays_awake();
  if (awake) wait_awake(device);
  const ssize_t length = ::read(device, mine.request(), Buffers::kRequestBytes);
  const int error_number = errno;
  busy_poll.learn(std::chrono::steady_clock::now() - since, awake);
  errno = error_number;
  return length;
}

// Reads a request and answers it. False when there won't be another one.
bool FuseServer::Impl::lead_on(const Buffers& mine) {
  const ssize_t length = next_request(mine);
  if (length < 0) {
    const int error_number = errno;
    if (error_number == EINTR || error_number == ENOENT || error_number == EAGAIN) return true;
    if (!connection_ended(error_number)) failure = error_number;
    return false;
  }
  if (length == 0) return false;
  const auto size = static_cast<std::size_t>(length);
  if (size < sizeof(fuse_in_header)) return true;  // not from a kernel; nothing to answer to
  current_request = {.buffers = &mine,
                     .header = reinterpret_cast<const fuse_in_header*>(mine.request()),
                     .length = size};
  const Defer answered([] { current_request = {}; });
  if (current_request.header->opcode == kMakeUnnamed) {
    reinterpret_cast<fuse_in_header*>(mine.request())->opcode = FUSE_CREATE;  // see on_create()
    current_request.makes_unnamed = true;
  }
  if (is_first() && helpers.empty()) prepare_for(current_request.header->opcode);
  if (moves_data(current_request.header->opcode)) ReaderToken::give();
  if (current_request.header->opcode == FUSE_SYNCFS) {
    answer_syncfs(*current_request.header);
    return true;
  }
  if (current_request.header->opcode == kExtendedAttributes) {
    answer_statx(*current_request.header);
    return true;
  }
  process(mine, size);
  if (current_request.header->opcode == FUSE_INIT) learn_of_forgetting();
  return true;
}

// A request whose program was killed, or of a connection that ends: nobody needs the answer.
bool FuseServer::Impl::is_pointless(fuse_req_t request) const {
  return stopping || ended || (request != nullptr && fuse_req_interrupted(request) != 0);
}

void FuseServer::Impl::process(const Buffers& mine, std::size_t size) {
  const Interruption interruption(
      [](void* impl) {
        return static_cast<const Impl*>(impl)->is_pointless(current_request.handle);
      },
      this);
  fuse_buf request = {};
  request.size = size;
  request.mem = mine.request();
  fuse_session_process_buf(session.get(), &request);
}

bool FuseServer::Impl::make_kernel_forget_names() {
  const fuse_out_header notification = {
      .len = sizeof notification, .error = kForgetNames, .unique = 0};
  return ::write(device, &notification, sizeof notification) == sizeof notification;
}

// Asked once now, when there is nothing to forget, to see that it does.
void FuseServer::Impl::learn_of_forgetting() {
  const auto* offered = current_body<fuse_init_in>();
  if (offered == nullptr || offered->minor < kForgetNamesSince) return;
  if (make_kernel_forget_names())
    entry_timeouts.forget_with([this] { return make_kernel_forget_names(); });
}

// The kernel asks to open a file, once, before it writes to any. A medium that is only looked at
// never needs the memory for that.
void FuseServer::Impl::prepare_for(std::uint32_t opcode) {
  if (opcode == FUSE_OPEN || opcode == FUSE_CREATE) make_room();
}

// Once, and not under a large request, which is there by being read.
void FuseServer::Impl::make_room() {
  if (has_room || current_request.length > Buffers::kSmallRequestBytes) return;
  has_room = true;
  buffers.front().make_resident();
}

void FuseServer::Impl::run(const Buffers& mine) {
  const Defer let_others_end(ReaderToken::give);
  while (!stopping && !ended) {
    if (!reader_token.is_held() && !reader_token.take()) continue;
    if (stopping || ended) return;
    if (!lead_on(mine)) ended = true;
  }
}

// Whether this is the first thread, which alone touches what the others are given.
bool FuseServer::Impl::is_first() const {
  return current_request.buffers == buffers.data();
}

// As many as there is memory for; without any the first thread goes on alone.
void FuseServer::Impl::call_helpers() {
  if (!is_first() || !helpers.empty()) return;
  make_room();  // from now on another thread may hear of the opening
  while (buffers.size() < options.threads) {
    auto its = Buffers::create();
    if (!its) return;
    its->make_resident();
    buffers.push_back(std::move(*its));
    if (!start_helper(buffers.back())) {
      buffers.pop_back();
      return;
    }
  }
}

bool FuseServer::Impl::start_helper(const Buffers& mine) {
  const std::scoped_lock lock(mutex);
  auto helper = start_thread([this, &mine] {
    run(mine);
    const std::scoped_lock returning(mutex);
    --helping;
    changed.notify_all();
  });
  if (!helper) return false;
  ++helping;
  helpers.push_back(std::move(*helper));
  return true;
}

// A wake-up that comes between a look at `stopping` and the wait is lost, so they are repeated.
// False if a helper is still somewhere at the deadline.
bool FuseServer::Impl::end_helpers(Deadline deadline) {
  std::unique_lock lock(mutex);
  while (helping > 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    for (auto& helper : helpers) (void)::pthread_kill(helper.native_handle(), kWakeUp);
    changed.wait_for(lock, kBetweenWakeUps, [this] { return helping == 0; });
  }
  lock.unlock();
  helpers.clear();
  return true;
}

// Nobody hears the answers; the connection ends.
void FuseServer::Impl::cancel_seeks() {
  std::deque<Waiting> left;
  {
    const std::scoped_lock lock(mutex);
    cancelled = true;
    left = std::exchange(seeks, {});
  }
  changed.notify_all();
  for (const Waiting& waiting : left) (void)fuse_reply_err(waiting.request, ENOTCONN);
}

bool FuseServer::Impl::seeker_returned() {
  const std::scoped_lock lock(mutex);
  return !seeking;
}

// The seeker may be waiting for the kernel to write something, and the kernel for an answer to
// that. So as long as it has not returned requests are answered, by the first thread; there is no
// deadline while the kernel writes, because nothing could kill a process that waits for that.
bool FuseServer::Impl::end_seeker(Deadline deadline) {
  while (!seeker_returned()) {
    if (!kernel_writes && std::chrono::steady_clock::now() >= deadline) return false;
    pollfd requests = {.fd = ended ? -1 : device, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&requests, 1, static_cast<int>(kBetweenWakeUps.count()));
    if (ready > 0 && !lead_on(buffers.front())) ended = true;
  }
  if (seeker.joinable()) seeker.join();
  return true;
}

void FuseServer::Impl::answer_later(fuse_req_t request, std::function<void()> answer) {
  {
    const std::scoped_lock lock(mutex);
    if (cancelled) return void(fuse_reply_err(request, ENOTCONN));
    if (!seeker.joinable()) {
      auto started = start_thread([this] { answer_seeks(); });
      if (!started) return void(fuse_reply_err(request, EAGAIN));
      seeker = std::move(*started);
      seeking = true;
    }
    seeks.push_back({request, std::move(answer)});
  }
  changed.notify_all();
}

void FuseServer::Impl::answer_seeks() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return cancelled || !seeks.empty(); });
    if (cancelled) break;
    const Waiting waiting = std::move(seeks.front());
    seeks.pop_front();
    lock.unlock();
    current_request.handle = waiting.request;
    const Interruption interruption(
        [](void* of) {
          const auto* impl = static_cast<const Impl*>(of);
          return impl->cancelled || impl->is_pointless(current_request.handle);
        },
        this);
    waiting.answer();
    lock.lock();
  }
  seeking = false;
}

// Makes the kernel write what it holds of a hole, to the end of the file where there is no end.
void FuseServer::Impl::write_back(fuse_ino_t node, std::uint64_t from, Outcome<std::uint64_t> end) {
  const off_t length = end && *end > from ? static_cast<off_t>(*end - from) : 0;
  kernel_writes = true;
  // In this order: whoever cancels looks at the other one afterwards.
  if (!cancelled)
    (void)fuse_lowlevel_notify_inval_inode(session.get(), node, static_cast<off_t>(from), length);
  kernel_writes = false;
}

Outcome<std::uint64_t> FuseServer::Impl::seek_written(const Seek& seek) {
  const auto offset = static_cast<std::uint64_t>(seek.offset);
  auto found = files->seek(seek.node, offset, seek.whence);
  if (!found && found.error().value == EINTR) return found;
  if (seek.whence == SEEK_DATA) {
    write_back(seek.node, offset, found);
    return files->seek(seek.node, offset, SEEK_DATA);
  }
  // Each round either confirms the hole or finds that it was none; somebody who keeps filling
  // holes meanwhile gets an answer that was true once.
  for (int round = 0; round < kMostSeekRounds && !cancelled; ++round) {
    const std::uint64_t hole = found.value_or(offset);
    write_back(seek.node, hole, files->seek(seek.node, hole, SEEK_DATA));
    auto again = files->seek(seek.node, offset, SEEK_HOLE);
    if (!again || (found && *again == *found)) return again;
    found = again;
  }
  return found;
}

// libfuse 3.14 does not know this request and would say that there is no such thing.
void FuseServer::Impl::answer_syncfs(const fuse_in_header& header) {
  const auto done = files->sync_all();
  fuse_out_header answer = {
      .len = sizeof answer, .error = done ? 0 : -done.error().value, .unique = header.unique};
  (void)!::write(device, &answer, sizeof answer);  // nobody left to tell if it fails
}

// The kernel asks like that for the time a file was made.
void FuseServer::Impl::answer_statx(const fuse_in_header& header) {
  const auto found = files->attributes(header.nodeid);
  ExtendedAnswer answer = found ? extended_answer(found->stat) : ExtendedAnswer{};
  if (found && found->birth_time) {
    answer.mask |= STATX_BTIME;
    answer.birth_time = extended_time(*found->birth_time);
  }
  if (found) answer.valid_seconds = static_cast<std::uint64_t>(attribute_seconds(*found));
  if (!found)
    answer.header = {.len = sizeof answer.header, .error = -found.error().value, .unique = 0};
  answer.header.unique = header.unique;
  (void)!::write(device, &answer, answer.header.len);  // nobody left to tell if it fails
}

FuseServer::FuseServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

FuseServer::~FuseServer() {
  impl_->cancel_seeks();
  (void)impl_->end_helpers(Impl::Deadline::max());
}

Result<std::unique_ptr<FuseServer>> FuseServer::create(UniqueFd&& device, const Options& options) {
  catch_wake_up();
  auto impl = std::make_unique<Impl>(options);
  std::array<char, 8> program = {"airlock"};
  std::array<char*, 2> arguments = {program.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments.data());
  impl->session.reset(
      fuse_session_new(&args, &fuse_operations(), sizeof(fuse_lowlevel_ops), impl.get()));
  fuse_opt_free_args(&args);
  if (!impl->session) return fail(Errc::kSystem, "libfuse cannot start a session");
  fuse_custom_io io = {};
  io.writev = device_write;
  io.read = device_read;
  impl->device = device.get();
  if (fuse_session_custom_io(impl->session.get(), &io, device.get()) != 0)
    return fail(Errc::kSystem, "libfuse does not accept the device descriptor");
  (void)device.release();  // the session closes it
  return std::unique_ptr<FuseServer>(new FuseServer(std::move(impl)));
}

Result<void> FuseServer::prepare() {
  impl_->buffers.reserve(std::max(1u, impl_->options.threads));  // they never move again
  TRY(auto buffers, Buffers::create());
  impl_->buffers.push_back(std::move(buffers));
  return {};
}

Result<void> FuseServer::resume(FileSystem& files) {
  if (impl_->options.live == nullptr) return fail(Errc::kInvalidArgument, "there is no live state");
  impl_->files = &files;
  TRY(const auto opening, impl_->options.live->opening());
  if (opening.request.size() > Buffers::kSmallRequestBytes)
    return fail(Errc::kProtocol, "the state that the driver before left is damaged");
  TRY_VOID(impl_->repeat_opening(opening));
  const fuse_out_header again = {.len = sizeof again, .error = kResend, .unique = 0};
  if (::write(impl_->device, &again, sizeof again) != sizeof again)
    return fail_errno(errno, Errc::kSystem, "have the kernel repeat its requests");
  return {};
}

Result<void> FuseServer::serve(FileSystem& files) {
  impl_->files = &files;
  impl_->serving = true;
  impl_->run(impl_->buffers.front());
  impl_->broken_off = impl_->options.block && !impl_->destroyed && !impl_->stopping;
  // Also if nobody stopped us: one may be in the file system still, or in a read that failed here.
  impl_->stopping = true;
  impl_->cancel_seeks();
  const auto deadline = [] { return std::chrono::steady_clock::now() + kPatience; };
  const bool helpers_returned = impl_->end_helpers(deadline());
  impl_->at_rest = impl_->end_seeker(deadline()) && helpers_returned;
  impl_->serving = false;
  if (const int failure = impl_->failure; failure != 0)
    return fail_errno(failure, Errc::kSystem, "read from the fuse device");
  return {};
}

// Where the kernel says goodbye it waits for the answer, so everything is written before that.
const Outcome<void>& FuseServer::Impl::unmount() {
  if (!unmounted) unmounted = files->unmounted();
  return *unmounted;
}

Result<void> FuseServer::finish() {
  if (const auto& done = impl_->unmount(); !done)
    return fail_errno(done.error().value, Errc::kIo, "the latest changes could not be written");
  if (const int reason = impl_->lost_write; reason != 0)
    return fail_errno(reason, Errc::kIo,
                      "data that programs had written could not be put on the medium");
  if (impl_->broken_off)
    return fail(Errc::kIo,
                "the kernel broke the connection and dropped what it had not written yet");
  if (!impl_->at_rest) return fail(Errc::kTimedOut, "the medium does not answer a request");
  return {};
}

bool FuseServer::is_at_rest() const {
  return impl_->at_rest;
}

void FuseServer::stop() noexcept {
  impl_->stopping = true;
}

}  // namespace airlock
