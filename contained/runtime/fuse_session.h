// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <linux/limits.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "contained/runtime/busy_poll.h"
#include "contained/runtime/entry_timeouts.h"
#include "contained/runtime/fuse_ops.h"
#include "contained/runtime/reader_token.h"
#include "lib/base/c_ptr.h"

// What the two halves of FuseServer share, and nobody else: fuse_ops.cc answers requests,
// fuse_server.cc reads them.
namespace airlock {

inline constexpr std::size_t kMaxTransfer = std::size_t{1} << 20;

// Memory of one serving thread: a request and the answer to it. Resident before it is used, so
// that copying a request out of the kernel can never fail half-way.
class Buffers {
 public:
  static constexpr std::size_t kRequestBytes = kMaxTransfer + 4096;  // with its header
  // Holds every request but a write; and but a very long list of forgotten nodes, which nothing
  // here depends on.
  static constexpr std::size_t kSmallRequestBytes = XATTR_SIZE_MAX + 8192;

  static Result<Buffers> create();  // resident for small requests
  // Before the first write can come. Leaves a small request in it as it is.
  void make_resident() const;
  Buffers(Buffers&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  Buffers& operator=(Buffers&&) = delete;
  ~Buffers();

  [[nodiscard]] std::byte* request() const { return memory_; }
  [[nodiscard]] std::span<std::byte> answer() const {
    return {memory_ + kRequestBytes, kMaxTransfer};
  }

 private:
  explicit Buffers(std::byte* memory) : memory_(memory) {}
  std::byte* memory_;
};

// What the serving thread works on; libfuse's callbacks have no other way to know.
struct Current {
  const Buffers* buffers = nullptr;
  const fuse_in_header* header = nullptr;
  std::size_t length = 0;
  fuse_req_t handle = nullptr;  // once the file system is asked
  bool makes_unnamed = false;   // O_TMPFILE
};
inline constinit thread_local Current current_request;

// The body of the current request if it is as long as Body; libfuse hides some of its fields.
template <typename Body>
const Body* current_body() {
  if (current_request.header == nullptr ||
      current_request.length < sizeof(fuse_in_header) + sizeof(Body))
    return nullptr;
  return reinterpret_cast<const Body*>(current_request.header + 1);
}

// A question for the next data or hole, which waits until what the kernel holds is written.
struct Seek {
  fuse_ino_t node;
  off_t offset;
  int whence;
};

struct FuseServer::Impl {
  explicit Impl(const Options& wanted);

  FileSystem* files = nullptr;  // from serve() on
  EntryTimeouts entry_timeouts;
  Options options;
  CPtr<fuse_session, fuse_session_destroy> session;
  int device = -1;                     // owned by the session
  std::atomic<bool> stopping = false;  // we want to end
  std::atomic<bool> ended = false;     // the connection has ended
  std::atomic<bool> serving = false;   // afterwards the file system may be gone
  bool at_rest = true;                 // no other thread is in the file system
  std::atomic<int> failure = 0;
  std::atomic<int> lost_write = 0;         // why data failed that the kernel wrote on its own
  std::atomic<bool> destroyed = false;     // the kernel said goodbye
  bool broken_off = false;                 // the connection ended without, and nobody stopped us
  std::optional<Outcome<void>> unmounted;  // what the file system said, once
  BusyPoll busy_poll;                      // of the thread that holds the reader token
  ReaderToken reader_token;

  // What has to wait until the kernel has written something. It is answered by the seeker, which
  // waits here, and in the end the first thread for all others.
  struct Waiting {
    fuse_req_t request;
    std::function<void()> answer;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> cancelled = false;  // nothing that waits is answered any more
  std::deque<Waiting> seeks;
  bool seeking = false;                     // the seeker has not returned
  std::atomic<bool> kernel_writes = false;  // and waits for that
  unsigned helping = 0;                     // helpers that have not returned
  // One thread answers until it has to wait for the first time: the others cost memory and the time
  // to start them, and could do nothing while it holds the file system's one lock.
  std::vector<Buffers> buffers;  // of the first thread, then of each helper
  bool has_room = false;         // for writes, in the first one
  // While the opening is repeated for us alone: what the kernel was answered.
  std::optional<std::span<const std::byte>> expected_answer;
  bool answered_as_expected = false;
  std::vector<std::jthread> helpers;
  std::jthread seeker;

  const Outcome<void>& unmount();
  ssize_t answer_opening(std::span<const iovec> parts);
  Result<void> repeat_opening(const LiveState::Opening& opening);
  void run(const Buffers& mine);
  [[nodiscard]] bool is_first() const;
  void make_room();
  void call_helpers();
  bool start_helper(const Buffers& mine);
  void cancel_seeks();
  using Deadline = std::chrono::steady_clock::time_point;
  bool end_helpers(Deadline deadline);
  bool end_seeker(Deadline deadline);
  bool seeker_returned();
  void answer_later(fuse_req_t request, std::function<void()> answer);
  void answer_seeks();
  Outcome<std::uint64_t> seek_written(const Seek& seek);
  void write_back(fuse_ino_t node, std::uint64_t from, Outcome<std::uint64_t> end);
  void answer_syncfs(const fuse_in_header& header);
  void answer_statx(const fuse_in_header& header);
  ssize_t next_request(const Buffers& mine);
  bool lead_on(const Buffers& mine);
  void prepare_for(std::uint32_t opcode);
  [[nodiscard]] bool is_pointless(fuse_req_t request) const;
  void process(const Buffers& mine, std::size_t size);
  bool make_kernel_forget_names();
  void learn_of_forgetting();
};

// How long the kernel may keep them.
double attribute_seconds(const Attributes& attributes);

// fuse_ioctl.cc: what programs ask for by ioctl.
void answer_ioctl(fuse_req_t request, fuse_ino_t node, unsigned command, void* argument,
                  fuse_file_info* file, unsigned flags, const void* in, std::size_t in_size,
                  std::size_t out_size);

// Every callback, for libfuse.
const fuse_lowlevel_ops& fuse_operations();

}  // namespace airlock
