// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/fuse_ops.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/c_ptr.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

// We are the only writer, so what the kernel has been told stays true until it changes it itself.
constexpr double kCacheSeconds = 86400.0;
constexpr std::size_t kMaxTransfer = std::size_t{1} << 20;
constexpr std::size_t kHeaderRoom = 4096;
constexpr std::size_t kRequestBytes = kMaxTransfer + kHeaderRoom;
constexpr std::size_t kMaxAttributeValue = 65536;
constexpr int kMostSeekRounds = 1000;

// Memory of one serving thread: a request and the answer to it. Resident before it is used, so
// that copying a request out of the kernel can never fail half-way.
class Buffers {
 public:
  static Result<Buffers> create() {
    void* memory = ::mmap(nullptr, kRequestBytes + kMaxTransfer, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      return fail_errno(errno, Errc::kOutOfMemory, "reserve request buffers");
    Buffers buffers(static_cast<std::byte*>(memory));
    if (::madvise(memory, kRequestBytes, MADV_POPULATE_WRITE) != 0)
      std::memset(memory, 0, kRequestBytes);  // kernels before 5.14
    return buffers;
  }
  Buffers(Buffers&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  Buffers& operator=(Buffers&&) = delete;
  ~Buffers() {
    if (memory_ != nullptr) (void)::munmap(memory_, kRequestBytes + kMaxTransfer);
  }

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
};
thread_local Current current;

// The body of the current request if it is as long as Body; libfuse hides some of its fields.
template <typename Body>
const Body* current_body() {
  if (current.header == nullptr || current.length < sizeof(fuse_in_header) + sizeof(Body))
    return nullptr;
  return reinterpret_cast<const Body*>(current.header + 1);
}

FileSystem& files_of(fuse_req_t request);

Caller caller_of(fuse_req_t request) {
  const fuse_ctx* context = fuse_req_ctx(request);
  return {.user = context->uid, .group = context->gid};
}

fuse_entry_param entry_for(const Attributes& attributes) {
  fuse_entry_param entry = {};
  entry.ino = attributes.node;
  entry.attr = attributes.stat;
  entry.attr_timeout = kCacheSeconds;
  entry.entry_timeout = attributes.other_spelling ? 0 : kCacheSeconds;
  return entry;
}

// A reply that cannot be delivered means the request was interrupted or the mount is gone; there
// is nobody left to tell.
void reply_error(fuse_req_t request, int error_number) {
  (void)fuse_reply_err(request, error_number);
}
void reply(fuse_req_t request, const Outcome<void>& outcome) {
  reply_error(request, outcome ? 0 : outcome.error().value);
}
void reply_entry(fuse_req_t request, const Outcome<Attributes>& outcome) {
  if (!outcome) return reply_error(request, outcome.error().value);
  const fuse_entry_param entry = entry_for(*outcome);
  (void)fuse_reply_entry(request, &entry);
}
void reply_attributes(fuse_req_t request, const Outcome<Attributes>& outcome) {
  if (!outcome) return reply_error(request, outcome.error().value);
  (void)fuse_reply_attr(request, &outcome->stat, kCacheSeconds);
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  auto found = files_of(request).lookup(parent, name);
  if (!found && found.error().value == ENOENT) {
    // A zero node is an answer the kernel caches: the next look for this name costs nothing.
    const bool certain = files_of(request).names() == FileSystem::Names::kExact;
    const fuse_entry_param missing = {.ino = 0, .entry_timeout = certain ? kCacheSeconds : 0};
    (void)fuse_reply_entry(request, &missing);
    return;
  }
  reply_entry(request, found);
}

void forget_one(fuse_req_t request, fuse_ino_t node);
void forget_attributes(fuse_req_t request, fuse_ino_t node);
struct Seek {
  fuse_ino_t node;
  off_t offset;
  int whence;
};
void seek_after_writeback(fuse_req_t request, const Seek& seek);

void on_forget(fuse_req_t request, fuse_ino_t node, std::uint64_t) {
  forget_one(request, node);
  fuse_reply_none(request);
}

void on_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
  for (std::size_t i = 0; i < count; ++i) forget_one(request, forgets[i].ino);
  fuse_reply_none(request);
}

void on_getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
  reply_attributes(request, files_of(request).attributes(node));
}

void on_setattr(fuse_req_t request, fuse_ino_t node, struct stat* values, int set,
                fuse_file_info*) {
  AttributeChange change;
  if (set & FUSE_SET_ATTR_MODE) change.mode = values->st_mode;
  if (set & FUSE_SET_ATTR_UID) change.user = values->st_uid;
  if (set & FUSE_SET_ATTR_GID) change.group = values->st_gid;
  if (set & FUSE_SET_ATTR_SIZE) change.size = static_cast<std::uint64_t>(values->st_size);
  if (set & FUSE_SET_ATTR_ATIME) change.access_time = values->st_atim;
  if (set & FUSE_SET_ATTR_MTIME) change.modify_time = values->st_mtim;
  if (set & FUSE_SET_ATTR_CTIME) change.change_time = values->st_ctim;
  change.access_now = (set & FUSE_SET_ATTR_ATIME_NOW) != 0;
  change.modify_now = (set & FUSE_SET_ATTR_MTIME_NOW) != 0;
  // libfuse 3.14 strips this bit from `set`.
  if (const auto* body = current_body<fuse_setattr_in>())
    change.drop_privileges = (body->valid & FATTR_KILL_SUIDGID) != 0;
  reply_attributes(request, files_of(request).change(node, change));
}

void on_readlink(fuse_req_t request, fuse_ino_t node) {
  const auto target = files_of(request).read_link(node);
  if (!target) return reply_error(request, target.error().value);
  (void)fuse_reply_readlink(request, target->c_str());
}

void make_node(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  const NewNode node = {.mode = mode,
                        .umask = fuse_req_ctx(request)->umask,
                        .device = device,
                        .caller = caller_of(request)};
  reply_entry(request, files_of(request).make_node(parent, name, node));
}

void on_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  make_node(request, parent, name, mode, device);
}

void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  make_node(request, parent, name, (mode & 07777) | S_IFDIR, 0);
}

void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  reply(request, files_of(request).unlink(parent, name));
}

void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  reply(request, files_of(request).remove_directory(parent, name));
}

void on_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  reply_entry(request, files_of(request).make_link(parent, name, target, caller_of(request)));
}

void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
  reply(request, files_of(request).rename(parent, name, new_parent, new_name, flags));
}

void on_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t parent, const char* name) {
  reply_entry(request, files_of(request).link(node, parent, name));
}

// ENOSYS tells the kernel, once, that files need no opening, flushing or releasing here.
void on_open(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  reply_error(request, ENOSYS);
}

void on_read(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
  const auto buffer = current.buffers->answer();
  const auto done = files_of(request).read(node, static_cast<std::uint64_t>(offset),
                                           buffer.first(std::min(size, buffer.size())));
  if (!done) return reply_error(request, done.error().value);
  (void)fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), *done);
}

void on_write(fuse_req_t request, fuse_ino_t node, const char* bytes, std::size_t size,
              off_t offset, fuse_file_info*) {
  WriteOptions options;
  if (const auto* body = current_body<fuse_write_in>()) {
    options.from_cache = (body->write_flags & FUSE_WRITE_CACHE) != 0;
    options.drop_privileges = (body->write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
  }
  const auto done = files_of(request).write(node, static_cast<std::uint64_t>(offset),
                                            std::as_bytes(std::span(bytes, size)), options);
  if (!done) return reply_error(request, done.error().value);
  if (done->occupies_more) forget_attributes(request, node);
  (void)fuse_reply_write(request, done->count);
}

void on_flush(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  reply_error(request, ENOSYS);
}

void on_fsync(fuse_req_t request, fuse_ino_t node, int data_only, fuse_file_info*) {
  const auto scope = data_only != 0 ? SyncScope::kDataOnly : SyncScope::kAll;
  reply(request, files_of(request).sync(node, scope));
}

class DirectoryReply final : public EntrySink {
 public:
  DirectoryReply(fuse_req_t request, DirectoryDetail detail, std::span<char> room)
      : request_(request), detail_(detail), room_(room) {}

  bool add(std::string_view name, const Attributes& attributes, std::uint64_t next) override {
    name_.assign(name);  // libfuse wants a terminated string
    const auto rest = room_.subspan(used_);
    std::size_t needed = 0;
    if (detail_ == DirectoryDetail::kNames) {
      needed = fuse_add_direntry(request_, rest.data(), rest.size(), name_.c_str(),
                                 &attributes.stat, static_cast<off_t>(next));
    } else {
      fuse_entry_param entry = entry_for(attributes);
      if (name == "." || name == "..") entry.ino = 0;  // not an entry to keep
      needed = fuse_add_direntry_plus(request_, rest.data(), rest.size(), name_.c_str(), &entry,
                                      static_cast<off_t>(next));
    }
    if (needed > rest.size()) return false;
    used_ += needed;
    return true;
  }

  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  fuse_req_t request_;
  DirectoryDetail detail_;
  std::span<char> room_;
  std::size_t used_ = 0;
  std::string name_;
};

void list_directory(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                    DirectoryDetail detail) {
  const auto answer = current.buffers->answer();
  const std::span<char> room(reinterpret_cast<char*>(answer.data()), std::min(size, answer.size()));
  DirectoryReply entries(request, detail, room);
  const auto listed =
      files_of(request).list(node, static_cast<std::uint64_t>(offset), detail, entries);
  if (!listed && entries.used() == 0) return reply_error(request, listed.error().value);
  (void)fuse_reply_buf(request, room.data(), entries.used());
}

void on_readdir(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                fuse_file_info*) {
  list_directory(request, node, size, offset, DirectoryDetail::kNames);
}

void on_readdirplus(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                    fuse_file_info*) {
  list_directory(request, node, size, offset, DirectoryDetail::kAttributes);
}

void on_statfs(fuse_req_t request, fuse_ino_t) {
  const auto numbers = files_of(request).statistics();
  if (!numbers) return reply_error(request, numbers.error().value);
  (void)fuse_reply_statfs(request, &*numbers);
}

void reply_sized(fuse_req_t request, const Outcome<std::string>& value, std::size_t size) {
  if (!value) return reply_error(request, value.error().value);
  if (size == 0) {
    (void)fuse_reply_xattr(request, value->size());
  } else if (value->size() > size) {
    reply_error(request, ERANGE);
  } else {
    (void)fuse_reply_buf(request, value->data(), value->size());
  }
}

void on_setxattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value,
                 std::size_t size, int flags) {
  if (size > kMaxAttributeValue) return reply_error(request, E2BIG);
  reply(request,
        files_of(request).set_attribute(node, name, std::as_bytes(std::span(value, size)), flags));
}

void on_getxattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
  reply_sized(request, files_of(request).get_attribute(node, name), size);
}

void on_listxattr(fuse_req_t request, fuse_ino_t node, std::size_t size) {
  reply_sized(request, files_of(request).list_attributes(node), size);
}

void on_removexattr(fuse_req_t request, fuse_ino_t node, const char* name) {
  reply(request, files_of(request).remove_attribute(node, name));
}

void on_fallocate(fuse_req_t request, fuse_ino_t node, int mode, off_t offset, off_t length,
                  fuse_file_info*) {
  if (offset < 0 || length <= 0) return reply_error(request, EINVAL);
  reply(request, files_of(request).allocate(node, mode, static_cast<std::uint64_t>(offset),
                                            static_cast<std::uint64_t>(length)));
}

// What looks like a hole here may be data that the kernel has not written back yet, and it asks
// without doing that first. So before a hole is named, what the kernel holds of it is written.
// That needs serving threads for the writes, so a thread of its own waits for it.
void on_lseek(fuse_req_t request, fuse_ino_t node, off_t offset, int whence, fuse_file_info*) {
  if (offset < 0) return reply_error(request, ENXIO);
  const auto found = files_of(request).seek(node, static_cast<std::uint64_t>(offset), whence);
  const bool certain = found && whence == SEEK_DATA && *found == static_cast<std::uint64_t>(offset);
  if (!certain && (whence == SEEK_DATA || whence == SEEK_HOLE))
    return seek_after_writeback(request, {node, offset, whence});
  if (!found) return reply_error(request, found.error().value);
  (void)fuse_reply_lseek(request, static_cast<off_t>(*found));
}

void on_ioctl(fuse_req_t request, fuse_ino_t, unsigned command, void*, fuse_file_info*, unsigned,
              const void* in, std::size_t in_size, std::size_t out_size);

const fuse_lowlevel_ops& operations();

}  // namespace

struct FuseServer::Impl {
  explicit Impl(const Options& wanted) : options(wanted) {}

  FileSystem* files = nullptr;  // from serve() on
  Options options;
  CPtr<fuse_session, fuse_session_destroy> session;
  int device = -1;                     // owned by the session
  std::atomic<bool> stopping = false;  // we want to end
  std::atomic<bool> ended = false;     // the connection has ended
  std::atomic<bool> serving = false;   // afterwards the file system may be gone
  std::atomic<int> failure = 0;

  // The seeker waits here.
  std::mutex mutex;
  std::condition_variable changed;
  bool cancelled = false;
  std::deque<std::pair<fuse_req_t, Seek>> seeks;
  // One thread answers until the first request that moves data: names and attributes are under
  // the file system's one lock anyway, and the others cost memory and the time to start them.
  std::vector<Buffers> buffers;  // of the first thread, then of each helper
  std::vector<std::jthread> helpers;
  std::jthread seeker;

  void run(const Buffers& mine);
  void call_helpers();
  void answer_seeks();
  Outcome<std::uint64_t> seek_written(const Seek& seek);
  void write_back(fuse_ino_t node, std::uint64_t from, Outcome<std::uint64_t> end);
  void answer_syncfs(const fuse_in_header& header);
  bool handle_one(const Buffers& mine);
};

namespace {

FuseServer::Impl& server_of(fuse_req_t request) {
  return *static_cast<FuseServer::Impl*>(fuse_req_userdata(request));
}

FileSystem& files_of(fuse_req_t request) {
  return *server_of(request).files;
}

// The kernel's word that it dropped a node can be older than a new look-up of it. It knows best,
// and answers ENOENT to a notification about a node it does not hold.
void forget_one(fuse_req_t request, fuse_ino_t node) {
  FuseServer::Impl& server = server_of(request);
  if (!server.files->forgotten(node)) return;
  if (fuse_lowlevel_notify_inval_inode(server.session.get(), node, -1, 0) == -ENOENT)
    server.files->gone(node);
}

// The kernel keeps what it was told of a file for long; part of it is not true any more.
void forget_attributes(fuse_req_t request, fuse_ino_t node) {
  (void)fuse_lowlevel_notify_inval_inode(server_of(request).session.get(), node, -1, 0);
}

// Being told to end is the first thread's; what the kernel raises for a fault must stay
// deliverable. No thread where the limit on them is reached.
template <typename Work>
std::optional<std::jthread> start_thread(Work work) {
  sigset_t terminate, before;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigaddset(&terminate, SIGALRM);
  (void)::pthread_sigmask(SIG_BLOCK, &terminate, &before);
  const Defer restore([&before] { (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr); });
  try {
    return std::jthread(std::move(work));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

void seek_after_writeback(fuse_req_t request, const Seek& seek) {
  FuseServer::Impl& server = server_of(request);
  {
    const std::scoped_lock lock(server.mutex);
    if (!server.seeker.joinable()) {
      auto seeker = start_thread([&server] { server.answer_seeks(); });
      if (!seeker) return reply_error(request, EAGAIN);
      server.seeker = std::move(*seeker);
    }
    server.seeks.emplace_back(request, seek);
  }
  server.changed.notify_all();
}

void on_ioctl(fuse_req_t request, fuse_ino_t, unsigned command, void*, fuse_file_info*, unsigned,
              const void* in, std::size_t in_size, std::size_t out_size) {
  if (command != FITRIM) return reply_error(request, ENOTTY);
  const uid_t user = fuse_req_ctx(request)->uid;
  if (user != 0 && user != server_of(request).options.owner) return reply_error(request, EPERM);
  fstrim_range range = {};
  if (in_size < sizeof range || out_size < sizeof range) return reply_error(request, EINVAL);
  std::memcpy(&range, in, sizeof range);
  const auto trimmed = files_of(request).trim(range.start, range.len, range.minlen);
  if (!trimmed) return reply_error(request, trimmed.error().value);
  range.len = *trimmed;
  (void)fuse_reply_ioctl(request, 0, &range, sizeof range);
}

void on_init(void* server, fuse_conn_info* connection) {
  const auto want = [connection](unsigned bit) { connection->want |= connection->capable & bit; };
  want(FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS);
  want(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
  if (static_cast<FuseServer::Impl*>(server)->files->writes() == FileSystem::Writes::kDelayed)
    want(FUSE_CAP_WRITEBACK_CACHE);
  want(FUSE_CAP_CACHE_SYMLINKS);
  want(FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT);
  want(FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK | FUSE_CAP_IOCTL_DIR);
  // Splice would open files in /proc per thread and is slower here; without opening there is no
  // request that could carry O_TRUNC; nobody else changes the data behind the kernel's back.
  connection->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                        FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
                        FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS);
  connection->max_write = kMaxTransfer;
  connection->time_gran = 1;
}

// Unmounting a block device waits for the answer to this one. Where the kernel sends none, libfuse
// makes one up when its session is destroyed, long after serve().
void on_destroy(void* server) {
  auto& impl = *static_cast<FuseServer::Impl*>(server);
  if (impl.serving) impl.files->unmounted();
}

const fuse_lowlevel_ops& operations() {
  static const fuse_lowlevel_ops ops = [] {
    fuse_lowlevel_ops o = {};
    o.init = on_init;
    o.destroy = on_destroy;
    o.lookup = on_lookup;
    o.forget = on_forget;
    o.forget_multi = on_forget_multi;
    o.getattr = on_getattr;
    o.setattr = on_setattr;
    o.readlink = on_readlink;
    o.mknod = on_mknod;
    o.mkdir = on_mkdir;
    o.unlink = on_unlink;
    o.rmdir = on_rmdir;
    o.symlink = on_symlink;
    o.rename = on_rename;
    o.link = on_link;
    o.open = on_open;
    o.read = on_read;
    o.write = on_write;
    o.flush = on_flush;
    o.fsync = on_fsync;
    o.opendir = on_open;
    o.readdir = on_readdir;
    o.readdirplus = on_readdirplus;
    o.fsyncdir = on_fsync;
    o.statfs = on_statfs;
    o.setxattr = on_setxattr;
    o.getxattr = on_getxattr;
    o.listxattr = on_listxattr;
    o.removexattr = on_removexattr;
    o.fallocate = on_fallocate;
    o.lseek = on_lseek;
    o.ioctl = on_ioctl;
    return o;
  }();
  return ops;
}

ssize_t device_read(int device, void* into, std::size_t size, void*) {
  return ::read(device, into, size);
}

// Adds to the answer of INIT what libfuse before 3.17 cannot ask for: with HANDLE_KILLPRIV_V2 the
// kernel stops asking for security.capability before every single write.
ssize_t device_write(int device, iovec* parts, int count, void*) {
  const bool answers_init = current.header != nullptr && current.header->opcode == FUSE_INIT &&
                            count == 2 &&
                            parts[1].iov_len >= offsetof(fuse_init_out, max_background);
  if (answers_init && static_cast<fuse_out_header*>(parts[0].iov_base)->error == 0) {
    const auto* offered = current_body<fuse_init_in>();
    if (offered != nullptr && (offered->flags & FUSE_HANDLE_KILLPRIV_V2) != 0)
      static_cast<fuse_init_out*>(parts[1].iov_base)->flags |= FUSE_HANDLE_KILLPRIV_V2;
  }
  return ::writev(device, parts, count);
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

bool connection_ended(int error_number) {
  // ENODEV after umount or abort; the others from a socket in a test.
  return error_number == ENODEV || error_number == ECONNRESET || error_number == EPIPE;
}

}  // namespace

bool FuseServer::Impl::handle_one(const Buffers& mine) {
  const ssize_t length = ::read(device, mine.request(), kRequestBytes);
  if (length < 0) {
    const int error_number = errno;
    if (error_number == EINTR || error_number == ENOENT || error_number == EAGAIN) return true;
    if (!connection_ended(error_number)) failure = error_number;
    return false;
  }
  if (length == 0) return false;
  const auto size = static_cast<std::size_t>(length);
  if (size < sizeof(fuse_in_header)) return true;  // not from a kernel; nothing to answer to
  current = {.buffers = &mine,
             .header = reinterpret_cast<const fuse_in_header*>(mine.request()),
             .length = size};
  if (&mine == buffers.data() && helpers.empty() && moves_data(current.header->opcode))
    call_helpers();
  if (current.header->opcode == FUSE_SYNCFS) {
    answer_syncfs(*current.header);
    return true;
  }
  fuse_buf request = {};
  request.size = size;
  request.mem = mine.request();
  fuse_session_process_buf(session.get(), &request);
  current = {};
  return true;
}

void FuseServer::Impl::run(const Buffers& mine) {
  while (!stopping && !ended) {
    if (!handle_one(mine)) ended = true;
  }
}

// As many as there is memory for; without any the first thread goes on alone.
void FuseServer::Impl::call_helpers() {
  while (buffers.size() < options.threads) {
    auto its = Buffers::create();
    if (!its) return;
    buffers.push_back(std::move(*its));
    auto helper = start_thread([this, &mine = buffers.back()] { run(mine); });
    if (!helper) {
      buffers.pop_back();
      return;
    }
    helpers.push_back(std::move(*helper));
  }
}

void FuseServer::Impl::answer_seeks() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return cancelled || !seeks.empty(); });
    if (cancelled) return;
    const auto [request, seek] = seeks.front();
    seeks.pop_front();
    lock.unlock();
    if (const auto found = seek_written(seek)) {
      (void)fuse_reply_lseek(request, static_cast<off_t>(*found));
    } else {
      reply_error(request, found.error().value);
    }
    lock.lock();
  }
}

// Makes the kernel write what it holds of a hole, to the end of the file where there is no end.
void FuseServer::Impl::write_back(fuse_ino_t node, std::uint64_t from, Outcome<std::uint64_t> end) {
  const off_t length = end && *end > from ? static_cast<off_t>(*end - from) : 0;
  (void)fuse_lowlevel_notify_inval_inode(session.get(), node, static_cast<off_t>(from), length);
}

Outcome<std::uint64_t> FuseServer::Impl::seek_written(const Seek& seek) {
  const auto offset = static_cast<std::uint64_t>(seek.offset);
  auto found = files->seek(seek.node, offset, seek.whence);
  if (seek.whence == SEEK_DATA) {
    write_back(seek.node, offset, found);
    return files->seek(seek.node, offset, SEEK_DATA);
  }
  // Each round either confirms the hole or finds that it was none; somebody who keeps filling
  // holes meanwhile gets an answer that was true once.
  for (int round = 0; round < kMostSeekRounds; ++round) {
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

FuseServer::FuseServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

FuseServer::~FuseServer() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->cancelled = true;
  }
  impl_->changed.notify_all();
}

Result<std::unique_ptr<FuseServer>> FuseServer::create(UniqueFd&& device, const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  std::array<char, 8> program = {"airlock"};
  std::array<char*, 2> arguments = {program.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments.data());
  impl->session.reset(
      fuse_session_new(&args, &operations(), sizeof(fuse_lowlevel_ops), impl.get()));
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

Result<void> FuseServer::serve(FileSystem& files) {
  impl_->files = &files;
  impl_->serving = true;
  impl_->run(impl_->buffers.front());
  // Once the connection has ended every helper's read ends too. After stop() they may sit in a
  // read for ever, and the process is about to exit.
  if (!impl_->ended) {
    for (auto& helper : impl_->helpers) helper.detach();
  }
  impl_->helpers.clear();
  impl_->serving = false;
  if (const int failure = impl_->failure; failure != 0)
    return fail_errno(failure, Errc::kSystem, "read from the fuse device");
  return {};
}

void FuseServer::stop() noexcept {
  impl_->stopping = true;
}

}  // namespace airlock
