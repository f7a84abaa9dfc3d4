// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "contained/runtime/outcome.h"

namespace airlock {

// What the kernel knows a file by. It is the inode number of the medium (the root appears as 1),
// never a pointer and never counted, so that another driver process can go on where one ended.
using NodeId = std::uint64_t;

struct Attributes {
  NodeId node = 0;
  struct stat stat = {};
  std::optional<timespec> birth_time = {};  // where the format keeps one
  // Found under another spelling than its own; see EntryTimeouts.
  bool other_spelling = false;
};

// Who makes the request, as far as a filesystem needs it for new files.
struct Caller {
  uid_t user = 0;
  gid_t group = 0;
};

struct NewNode {
  mode_t mode = 0;
  mode_t umask = 0;
  dev_t device = 0;
  Caller caller;
};

// The fields of a setattr request that are set; "now" times are resolved by the driver.
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  std::optional<std::uint64_t> size;
  std::optional<timespec> access_time;
  std::optional<timespec> modify_time;
  std::optional<timespec> change_time;
  bool access_now = false;
  bool modify_now = false;
  bool drop_privileges = false;  // clear set-uid and set-gid as part of the change
};

// What lsattr and chattr show and change.
struct FileFlags {
  std::uint32_t flags = 0;  // FS_*_FL of linux/fs.h
  std::uint32_t project = 0;
};

enum class DirectoryDetail { kNames, kAttributes };

// Receives the entries of a directory. False means full: the entry was not taken.
class EntrySink {
 public:
  virtual ~EntrySink() = default;
  // next continues the listing after this entry.
  virtual bool add(std::string_view name, const Attributes& attributes, std::uint64_t next) = 0;
};

struct WriteOptions {
  bool from_cache = false;       // written back by the kernel, which sends the times separately
  bool drop_privileges = false;  // clear set-uid and set-gid
};
struct Written {
  std::size_t count = 0;
  bool occupies_more = false;  // the number of blocks changed, which the kernel cannot know
};
enum class SyncScope { kDataOnly, kAll };

// The operations of a mounted filesystem, free of libfuse. Called from several threads at once.
// Every method answers or fails with the errno of the system call that asked. A method that is
// not overridden answers ENOSYS, which the kernel remembers.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Whether "a" finds "A": then the kernel must not remember which names are missing.
  enum class Names { kExact, kFolded };
  [[nodiscard]] virtual Names names() const { return Names::kExact; }
  // Whether the kernel may answer write() before the driver has heard of it. Not where a write can
  // fail for a reason the writer has to hear then, like the largest size of a file.
  enum class Writes { kDelayed, kAtOnce };
  [[nodiscard]] virtual Writes writes() const { return Writes::kDelayed; }

  virtual Outcome<Attributes> lookup(NodeId parent, std::string_view name) = 0;
  virtual Outcome<Attributes> attributes(NodeId node) = 0;
  virtual Outcome<void> list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                             EntrySink& sink) = 0;
  virtual Outcome<std::size_t> read(NodeId node, std::uint64_t offset,
                                    std::span<std::byte> into) = 0;
  virtual Outcome<std::string> read_link(NodeId node) = 0;
  virtual Outcome<struct statvfs> statistics() = 0;

  virtual Outcome<Attributes> change(NodeId node, const AttributeChange& change);
  virtual Outcome<Attributes> make_node(NodeId parent, std::string_view name, const NewNode& node);
  virtual Outcome<Attributes> make_link(NodeId parent, std::string_view name,
                                        std::string_view target, Caller caller);
  virtual Outcome<Attributes> link(NodeId node, NodeId parent, std::string_view name);
  virtual Outcome<void> unlink(NodeId parent, std::string_view name);
  virtual Outcome<void> remove_directory(NodeId parent, std::string_view name);
  virtual Outcome<void> rename(NodeId parent, std::string_view name, NodeId new_parent,
                               std::string_view new_name, unsigned flags);
  // RENAME_WHITEOUT, which is not among the flags: the old name then leads to a new whiteout of the
  // caller, a character device with the number 0.
  virtual Outcome<void> rename_leaving_whiteout(NodeId parent, std::string_view name,
                                                NodeId new_parent, std::string_view new_name,
                                                unsigned flags, Caller caller);
  // A file without a name (O_TMPFILE), which link() may give one. It goes when the kernel drops it.
  virtual Outcome<Attributes> make_unnamed(NodeId parent, const NewNode& node);
  virtual Outcome<Written> write(NodeId node, std::uint64_t offset, std::span<const std::byte> from,
                                 const WriteOptions& options);
  virtual Outcome<void> allocate(NodeId node, int mode, std::uint64_t offset, std::uint64_t length);
  virtual Outcome<std::uint64_t> seek(NodeId node, std::uint64_t offset, int whence);
  virtual Outcome<void> sync(NodeId node, SyncScope scope);
  virtual Outcome<void> sync_all();

  virtual Outcome<std::string> get_attribute(NodeId node, std::string_view name);
  virtual Outcome<std::string> list_attributes(NodeId node);  // names, each ended by NUL
  virtual Outcome<void> set_attribute(NodeId node, std::string_view name,
                                      std::span<const std::byte> value, int flags);
  virtual Outcome<void> remove_attribute(NodeId node, std::string_view name);

  // Without an override: that names in a directory are found in any case, where they are, and else
  // ENOTTY.
  virtual Outcome<FileFlags> flags(NodeId node);
  // Sets all of them at once. The caller has made sure that who asks may. EOPNOTSUPP for a change
  // of a flag that the driver would not act by.
  virtual Outcome<void> change_flags(NodeId node, std::uint32_t flags);

  virtual Outcome<std::string> label();
  virtual Outcome<void> set_label(std::string_view label);

  // FITRIM over the whole medium; returns the bytes given back.
  virtual Outcome<std::uint64_t> trim(std::uint64_t start, std::uint64_t length,
                                      std::uint64_t minimum);

  // The kernel dropped the node from its caches. True where the driver wants to know whether it is
  // really gone (an unlinked file waits for that); then gone() is called if it is.
  virtual bool forgotten(NodeId node);
  virtual void gone(NodeId node);

  // The mount is over: everything is to be written and the medium to be marked clean. Success is
  // the driver's word that all that was ever written through this mount is on the medium: also what
  // an earlier commit, perhaps one in the background, did not bring there is a failure now.
  virtual Outcome<void> unmounted();
};

}  // namespace airlock
