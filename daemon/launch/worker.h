// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

#include "daemon/launch/exit_cause.h"
#include "daemon/launch/line_tail.h"
#include "daemon/launch/worker_cgroup.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// One running contained process as its starter sees it: the control channel, the life line (a
// pidfd), the last lines of its standard error, and in the end why it ended. Owns the process:
// destroying a Worker kills and reaps it, unless it was let go. Does not know the worker's purpose.
// If a thread starts it, that thread must stay: the worker dies with it until it outlives its
// starter.
class Worker {
 public:
  struct Parts {
    pid_t pid = -1;
    uid_t uid = 0;
    UniqueFd control;  // our end of the SEQPACKET pair, non-inheritable
    UniqueFd life;     // pidfd
    UniqueFd log;      // read end of its standard error, never blocks
    bool has_user_namespace = false;
    WorkerCgroup group;  // removed when the worker has ended
  };

  explicit Worker(Parts&& parts);
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&& other) noexcept;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  [[nodiscard]] pid_t pid() const { return parts_.pid; }
  [[nodiscard]] uid_t uid() const { return parts_.uid; }
  [[nodiscard]] const WorkerCgroup& group() const { return parts_.group; }
  [[nodiscard]] bool has_user_namespace() const { return parts_.has_user_namespace; }

  [[nodiscard]] BorrowedFd control() const { return parts_.control.borrow(); }
  UniqueFd take_control() { return std::move(parts_.control); }

  // Readable once the process has ended.
  [[nodiscard]] BorrowedFd life() const { return parts_.life.borrow(); }

  // Readable when it wrote something; call read_log() then. Only reading keeps the lines: the
  // worker never waits for us, and lines that do not fit into the pipe are lost.
  [[nodiscard]] BorrowedFd log() const { return parts_.log.borrow(); }
  void read_log();
  [[nodiscard]] const LineTail& last_lines() const { return last_lines_; }

  // Asks it to end cleanly; only its end shows whether it does.
  void terminate();
  // Ends it at once; reap it afterwards.
  void kill();

  // The cause if it has ended, nothing if it is alive. Further calls give the same answer.
  Result<std::optional<ExitCause>> try_reap();
  // Waits for the end; kTimedOut if it is still alive then.
  Result<ExitCause> wait(std::chrono::milliseconds at_most);

  // The same for a worker that another process reaped and whose end another process reported. Call
  // once, because it gives up the worker's group.
  ExitCause cause_of(const siginfo_t& ended);

  // Gives up ownership: the worker continues without us, and we do not hear how it ends.
  void let_go();

 private:
  void end() noexcept;
  [[nodiscard]] bool memory_ran_out() const;

  Parts parts_;
  LineTail last_lines_;
  std::optional<ExitCause> cause_;
  bool killed_by_us_ = false;
  bool log_at_end_ = false;
  std::optional<unsigned long> oom_kills_at_start_;
};

}  // namespace airlock
