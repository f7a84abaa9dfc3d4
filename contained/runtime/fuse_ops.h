// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <memory>

#include "contained/runtime/file_system.h"
#include "contained/runtime/live_state.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Serves a FileSystem to the kernel, or to a test at the other end of a socket, through
// low-level libfuse. Only this and the files behind it know libfuse. It owns the device descriptor
// and the request loop; it decides nothing about files.
//
// What the kernel is given refers to nothing in this process: files and directories have no
// handles (open and opendir are answered ENOSYS once, which also saves their round trips), node
// numbers are inode numbers, and lookups are not counted.
class FuseServer {
 public:
  struct Options {
    unsigned threads = 1;  // at most; the others start when it first has to wait
    uid_t owner = 0;       // may trim, besides root
    bool block = false;    // mounted as fuseblk: the kernel says goodbye before the connection ends
    const LiveState* live = nullptr;  // for a successor; outlives the server
  };

  static Result<std::unique_ptr<FuseServer>> create(UniqueFd&& device, const Options& options);
  ~FuseServer();
  FuseServer(const FuseServer&) = delete;
  FuseServer& operator=(const FuseServer&) = delete;

  // Reserves what the first request needs, so that nothing fails once the mount is there.
  Result<void> prepare();

  // Goes on with the connection of a driver that died, as its live state says: learns what the
  // kernel and that driver agreed on, and has the kernel repeat every request that was not
  // answered. Fails where the kernel cannot do that (before Linux 6.9), or if this driver would
  // have agreed on something else. Call between prepare() and serve(), after the other one was
  // reaped.
  Result<void> resume(FileSystem& files);

  // Serves until the filesystem is unmounted, the connection is aborted or stop() was called.
  Result<void> serve(FileSystem& files);

  // Whether every thread had come back when serve() returned, which waits a little for that. Where
  // the medium holds one up, the file system and the server have to outlive it: the destructor
  // waits for it, and _exit() does not.
  [[nodiscard]] bool is_at_rest() const;

  // After serve(): has everything written and the medium marked clean. Success is the driver's word
  // that all that was written through the mount is on the medium. It fails where a commit failed at
  // any time, where data failed that no program waited for, where the kernel broke the connection
  // off, which throws away what it still held, and where a request is still held up.
  Result<void> finish();

  // Ends serve() soon; async-signal-safe.
  void stop() noexcept;

  struct Impl;  // see fuse_session.h

 private:
  explicit FuseServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace airlock
