// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"
#include "lib/protocol/helper.h"

namespace airlock {

// The effects of a mount session outside itself. One object serves one session. Each call may be
// repeated after it failed; the cause of a failure is the errno that the driver sees.
class MountEffects {
 public:
  MountEffects() = default;
  MountEffects(const MountEffects&) = delete;
  MountEffects& operator=(const MountEffects&) = delete;
  virtual ~MountEffects() = default;

  virtual Result<UniqueFd> open_fuse_device() = 0;
  // A descriptor of the one allowed medium; the flags have been checked. The descriptor goes to the
  // driver, so it must be one that the driver may keep.
  virtual Result<UniqueFd> open_medium(std::uint32_t open_flags, bool block_device_only,
                                       std::uint32_t block_size) = 0;
  // Memory for what a driver leaves to its successor.
  virtual Result<UniqueFd> open_live_state() = 0;
  // Holds on to the mount point, replacing an earlier hold; returns its st_mode.
  virtual Result<std::uint32_t> pin_mount_point() = 0;
  // fsopen to move_mount, onto the pinned object. Called at most once.
  virtual Result<void> attach(const MountRequest& request, BorrowedFd fuse_device) = 0;
  // Undoes attach() through the mount descriptor.
  virtual void detach() = 0;
};

// How long each part may take (D7). The connection is made before a session exists; its limit is
// here to have all in one place.
struct SessionDeadlines {
  std::chrono::milliseconds connect{5'000};
  // We do not wait longer for a service manager to start its driver, because there is our own
  // sandbox.
  std::chrono::milliseconds hello{5'000};
  std::chrono::milliseconds command{30'000};
  // From giving the driver its medium until it asks for the mount. The driver watches an ext volume
  // with multiple mount protection for up to two minutes (Mmp::longest_wait); 27 seconds are usual
  // after a crash.
  std::chrono::milliseconds examine{130'000};
  std::chrono::milliseconds whole{160'000};
};

// Everything decided about one mount before its driver is contacted.
struct SessionPlan {
  std::string subtype;
  std::vector<std::string> arguments;  // the driver's arguments; [0] is the subtype
  std::string medium_path;
  std::string mount_point;
  bool allow_fuseblk = false;
  bool allow_other = false;
  std::uint32_t forced_flags = 0;  // MS_RDONLY here also keeps the medium from being opened for
                                   // writing; MS_NOEXEC for untrusted media
  uid_t user = 0;
  gid_t group = 0;
  bool offers_live_state = false;
  bool resumes = false;
  SessionDeadlines deadlines;
  std::size_t argument_slots = 0;  // see encode_arguments(); 0: as many as arguments
};

// Our end of one mount-service session: moves packets between a Channel and a Helper, and lets
// MountEffects do what the Helper asks for. Never waits on its own, so an event loop can drive it:
// call on_ready() when descriptor() has one of wanted_events(), on_deadline() when next_deadline()
// has passed, until finished(). The verdict is success only if a mount that we attached exists;
// after any other end nothing of ours is mounted. Destroying an unfinished session abandons it.
class MountSession {
 public:
  // The effects must outlive the session.
  MountSession(Channel channel, SessionPlan plan, MountEffects& effects);
  MountSession(const MountSession&) = delete;
  MountSession& operator=(const MountSession&) = delete;
  ~MountSession();

  // Sends the hello; the deadlines begin to run.
  void start();
  void on_ready();
  void on_deadline();
  // Ends the session from our side, for example because the medium is gone.
  void abandon(Error reason);

  [[nodiscard]] BorrowedFd descriptor() const { return channel_.descriptor(); }
  [[nodiscard]] short wanted_events() const;
  [[nodiscard]] Deadline next_deadline() const;
  [[nodiscard]] bool finished() const { return verdict_.has_value(); }
  // Whether the driver has sent anything, even something wrong.
  [[nodiscard]] bool answered() const { return answered_; }
  // Only when finished().
  [[nodiscard]] const Result<void>& verdict() const { return *verdict_; }

  // start() and everything after it, for a program with nothing else to do.
  Result<void> run_to_end();

 private:
  struct QueuedPacket {
    Bytes bytes;
    UniqueFd descriptor;
  };

  void take(Result<std::optional<ReceivedPacket>> received);
  void flush();
  void carry_out(HelperAction action);
  [[nodiscard]] std::chrono::milliseconds time_for_next_command() const;
  [[nodiscard]] HelperAction do_effect(const OpenFuseDevice&);
  [[nodiscard]] HelperAction do_effect(const OpenMedium& wanted);
  [[nodiscard]] HelperAction do_effect(const OpenLiveState&);
  [[nodiscard]] HelperAction do_effect(const PinMountPoint&);
  [[nodiscard]] HelperAction do_effect(const Attach& wanted);
  void send(SendPackets packets);
  Result<void> queue(OutgoingPacket packet);
  Result<UniqueFd> attachment(Attachment wanted);
  void finish(Finish finish);
  std::uint32_t remember(const Error& error);

  Channel channel_;
  SessionPlan plan_;
  MountEffects& effects_;
  Helper helper_;
  std::deque<QueuedPacket> outbox_;
  UniqueFd fuse_device_;
  UniqueFd medium_;
  UniqueFd live_state_;
  bool answered_ = false;
  bool examining_ = false;  // the driver has its medium and has not asked for the mount yet
  Deadline step_deadline_;
  Deadline whole_deadline_;
  std::optional<Error> effect_failure_;  // why the last effect failed, for the verdict
  std::optional<Result<void>> verdict_;
};

// The errno that tells a driver about a failure.
std::uint32_t wire_errno(const Error& error);

}  // namespace airlock
