// SPDX-License-Identifier: GPL-2.0-or-later
// A request of the kernel becomes a call of the FileSystem, and its outcome the answer.
#include "contained/runtime/fuse_ops.h"

#include <linux/fs.h>  // RENAME_WHITEOUT

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "contained/runtime/fuse_session.h"

namespace airlock {

// What the kernel has been told stays true until it changes it itself. It asks for the attributes
// of a file again all the same: while it has them, it takes whatever a program writes to the open
// file, also when there is no driver any more that could take it from the kernel.
double attribute_seconds(const Attributes& attributes) {
  constexpr double kFileSeconds = 10;
  return S_ISREG(attributes.stat.st_mode) ? kFileSeconds : EntryTimeouts::kForGood;
}

namespace {

// We are the only writer, so what the kernel has been told stays true until it changes it itself.
constexpr double kCacheSeconds = EntryTimeouts::kForGood;
constexpr std::size_t kMaxAttributeValue = 65536;

FuseServer::Impl& server_of(fuse_req_t request) {
  return *static_cast<FuseServer::Impl*>(fuse_req_userdata(request));
}

// Every operation asks for it first.
FileSystem& files_of(fuse_req_t request) {
  current_request.handle = request;
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

Caller caller_of(fuse_req_t request) {
  const fuse_ctx* context = fuse_req_ctx(request);
  return {.user = context->uid, .group = context->gid};
}

fuse_entry_param entry_for(fuse_req_t request, const Attributes& attributes,
                           EntryTimeouts::Reply reply) {
  fuse_entry_param entry = {};
  entry.ino = attributes.node;
  entry.attr = attributes.stat;
  entry.attr_timeout = attribute_seconds(attributes);
  entry.entry_timeout = server_of(request).entry_timeouts.seconds(files_of(request).names(),
                                                                  attributes.other_spelling, reply);
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
  const fuse_entry_param entry = entry_for(request, *outcome, EntryTimeouts::Reply::kLookup);
  (void)fuse_reply_entry(request, &entry);
}
void reply_attributes(fuse_req_t request, const Outcome<Attributes>& outcome) {
  if (!outcome) return reply_error(request, outcome.error().value);
  (void)fuse_reply_attr(request, &outcome->stat, attribute_seconds(*outcome));
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
  if ((flags & RENAME_WHITEOUT) != 0)
    return reply(request, files_of(request).rename_leaving_whiteout(
                              parent, name, new_parent, new_name,
                              flags & ~unsigned{RENAME_WHITEOUT}, caller_of(request)));
  reply(request, files_of(request).rename(parent, name, new_parent, new_name, flags));
}

void on_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t parent, const char* name) {
  reply_entry(request, files_of(request).link(node, parent, name));
}

// The kernel makes and opens a file with one request where it can, which has no use here. But
// O_TMPFILE is a request of the same form, and FuseServer gives it the number of this one: libfuse
// before 3.17 does not know its own.
void on_create(fuse_req_t request, fuse_ino_t parent, const char*, mode_t mode,
               fuse_file_info* file) {
  if (!current_request.makes_unnamed) return reply_error(request, ENOSYS);
  const NewNode node = {.mode = (mode & 07777) | S_IFREG,
                        .umask = fuse_req_ctx(request)->umask,
                        .caller = caller_of(request)};
  const auto made = files_of(request).make_unnamed(parent, node);
  if (!made) return reply_error(request, made.error().value);
  const fuse_entry_param entry = entry_for(request, *made, EntryTimeouts::Reply::kLookup);
  (void)fuse_reply_create(request, &entry, file);
}

// ENOSYS tells the kernel, once, that files need no opening, flushing or releasing here.
void on_open(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  reply_error(request, ENOSYS);
}

void on_read(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
  const auto buffer = current_request.buffers->answer();
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
  // A program that waits for the answer is told. What the kernel writes on its own may be of a file
  // that nobody has open any more.
  if (!done && options.from_cache) server_of(request).lost_write = done.error().value;
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
      fuse_entry_param entry = entry_for(request_, attributes, EntryTimeouts::Reply::kListing);
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
  const auto answer = current_request.buffers->answer();
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
  const auto answer = [request](const Outcome<std::uint64_t>& found) {
    if (!found) return reply_error(request, found.error().value);
    (void)fuse_reply_lseek(request, static_cast<off_t>(*found));
  };
  const auto found = files_of(request).seek(node, static_cast<std::uint64_t>(offset), whence);
  const bool certain = found && whence == SEEK_DATA && *found == static_cast<std::uint64_t>(offset);
  if (!certain && (whence == SEEK_DATA || whence == SEEK_HOLE))
    return server_of(request).answer_later(
        request, [answer, &server = server_of(request), seek = Seek{node, offset, whence}] {
          answer(server.seek_written(seek));
        });
  answer(found);
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
  if (!impl.serving) return;
  impl.destroyed = true;
  (void)impl.unmount();
}

}  // namespace

const fuse_lowlevel_ops& fuse_operations() {
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
    o.create = on_create;
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
    o.ioctl = answer_ioctl;
    return o;
  }();
  return ops;
}

}  // namespace airlock
