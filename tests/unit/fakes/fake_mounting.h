// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "daemon/mounting/mounting.h"

namespace airlock {

// A kernel and its drivers for tests of the layers above Mounting: it remembers the mounts, and a
// test can let drivers die, people unmount by hand and processes hold a mount. Answers come in the
// next round of the loop, or one by one on request. Sources are named by their path ("/dev/sdb1"),
// as are mounts. The fake must outlive everything it handed out.
class FakeMounting final : public Mounting {
 public:
  enum class Answers { kSoon, kWhenTold };
  enum class Request { kMount, kUnmount, kWriteOut, kDetach, kFindUsers, kEject, kPowerOff };

  // A mount as the fake's kernel sees it.
  struct Mounted {
    std::string source;
    std::string mount_point;
    std::uint64_t mount_id = 0;
    MountDecision decision;
    bool alive = true;  // its driver
    std::vector<BusyProcess> holders;
  };

  explicit FakeMounting(EventLoop& loop) : loop_(loop) {}
  FakeMounting(const FakeMounting&) = delete;
  FakeMounting& operator=(const FakeMounting&) = delete;

  // For the test.

  void set_answers(Answers answers) { answers_ = answers; }
  // Requests not yet answered, oldest first, without cancelled ones.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  // Answers the oldest one now; false if there is none.
  bool answer_next();
  void answer_all() {
    while (answer_next()) {
    }
  }
  // The next request of this kind fails.
  void fail_next(Request request, Errc code, std::string what = "the fake says no") {
    failures_[request].push_back(Error{.code = code, .cause = {}, .what = std::move(what)});
  }
  // The answer to the next unmounts; by default all is flushed.
  void set_unmount_result(UnmountResult result) { unmount_result_ = std::move(result); }
  // The progress of the check before the last requested mount.
  void checked(double share) { checked_(share); }
  // Bytes still to be written, reported to every waiting unmount.
  void progress(std::uint64_t bytes);

  // Another driver goes on for one that died. True if the mount was watched.
  bool heal(const std::string& source, DriverDeath death, std::chrono::milliseconds pause,
            pid_t driver);
  // Its driver dies. True if the mount was watched.
  bool die(const std::string& source, DriverDeath death);
  bool die(const std::string& source) {
    return die(source, {.kind = "signal",
                        .cause = "was killed by SIGSEGV",
                        .signal_number = 11,
                        .when = std::chrono::system_clock::now()});
  }
  // Another program mounts it.
  void mount_by_hand(const std::string& source, const std::string& place, std::uint64_t mount_id) {
    mounts_.push_back({.source = source,
                       .mount_point = place,
                       .mount_id = mount_id,
                       .decision = {},
                       .holders = {}});
  }
  // Another program unmounts it. True if the mount was watched.
  bool unmount_by_hand(const std::string& source, UnmountResult result);
  // Unmounting it without force fails with Errc::kBusy from now on, and find_users() returns these.
  void hold(const std::string& source, std::vector<BusyProcess> holders) {
    if (Mounted* mounted = find(source)) mounted->holders = std::move(holders);
  }

  // For the test to examine.

  [[nodiscard]] Mounted* find(const std::string& source) {
    const auto found = std::ranges::find(mounts_, source, &Mounted::source);
    return found == mounts_.end() ? nullptr : &*found;
  }
  static LiveMount live_mount_of(const Mounted& mounted);
  [[nodiscard]] bool mounted(const std::string& source) { return find(source) != nullptr; }
  [[nodiscard]] const std::vector<Mounted>& mounts() const { return mounts_; }
  // Every request so far, in words: "mount /dev/sdb1", "unmount lazy /dev/sdb1", "cancel mount
  // /dev/sdb1", "eject /dev/sdb".
  [[nodiscard]] const std::vector<std::string>& history() const { return history_; }
  [[nodiscard]] std::size_t watchers() const { return watches_.size(); }

  // Mounting.

  std::unique_ptr<PendingOperation> mount(const MountSource& source, const MountDecision& decision,
                                          std::move_only_function<void(double)> checked,
                                          Done<LiveMount> done) override;
  std::unique_ptr<PendingOperation> unmount(const LiveMount& mount, const MountSource& source,
                                            UnmountForce force,
                                            std::move_only_function<void(std::uint64_t)> progress,
                                            Done<UnmountResult> done) override;
  std::unique_ptr<PendingOperation> write_out(const LiveMount& mount, const MountSource& source,
                                              Done<bool> done) override;
  std::unique_ptr<PendingOperation> detach(const LiveMount& mount, Done<bool> done) override;
  std::unique_ptr<MountWatch> watch(LiveMount& mount, WatchEvents events) override;
  std::unique_ptr<PendingOperation> find_users(const LiveMount& mount,
                                               Done<std::vector<BusyProcess>> done) override;
  std::unique_ptr<PendingOperation> eject(const std::string& drive_node, Done<bool> done) override;
  std::unique_ptr<PendingOperation> power_off(const std::string& drive_sysfs_path,
                                              Done<bool> done) override;

 private:
  struct Waiting {
    std::uint64_t id = 0;
    std::string what;
    std::move_only_function<void()> answer;
    std::move_only_function<void(std::uint64_t)> progress;
    EventSource soon;
  };
  struct Pending final : PendingOperation {
    Pending(FakeMounting& fake, std::uint64_t id) : fake_(fake), id_(id) {}
    ~Pending() override { fake_.cancel(id_); }
    void skip_check() override { fake_.note("skip check of ", id_); }
    void insist() override { fake_.note("insist on ", id_); }
    FakeMounting& fake_;
    std::uint64_t id_;
  };
  struct Watch final : MountWatch {
    Watch(FakeMounting& fake, std::uint64_t mount_id, WatchEvents events)
        : fake_(fake), mount_id_(mount_id), events_(std::move(events)) {
      fake_.watches_.push_back(this);
    }
    ~Watch() override { std::erase(fake_.watches_, this); }
    [[nodiscard]] std::vector<std::string> last_lines() const override { return lines_; }
    FakeMounting& fake_;
    std::uint64_t mount_id_;
    WatchEvents events_;
    std::vector<std::string> lines_ = {"airlock-ext: serving"};
  };

  template <typename T>
  std::unique_ptr<PendingOperation> ask(Request request, std::string what, Done<T> done,
                                        std::move_only_function<Result<T>()> work,
                                        std::move_only_function<void(std::uint64_t)> progress = {});
  std::optional<Error> planned_failure(Request request);
  bool answer(std::uint64_t id);
  void cancel(std::uint64_t id);
  void note(const char* what, std::uint64_t id);
  [[nodiscard]] Watch* watch_of(std::uint64_t mount_id) {
    const auto found = std::ranges::find(watches_, mount_id, &Watch::mount_id_);
    return found == watches_.end() ? nullptr : *found;
  }
  [[nodiscard]] Mounted* at(std::uint64_t mount_id) {
    const auto found = std::ranges::find(mounts_, mount_id, &Mounted::mount_id);
    return found == mounts_.end() ? nullptr : &*found;
  }
  void take_away(std::uint64_t mount_id) {
    std::erase_if(mounts_, [&](const Mounted& mount) { return mount.mount_id == mount_id; });
  }

  EventLoop& loop_;
  Answers answers_ = Answers::kSoon;
  UnmountResult unmount_result_ = {.flushed = true, .vouched = true, .warning = ""};
  std::map<Request, std::deque<Error>> failures_;
  std::deque<Waiting> waiting_;
  std::vector<Mounted> mounts_;
  std::vector<Watch*> watches_;
  std::vector<std::string> history_;
  std::move_only_function<void(double)> checked_;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_mount_id_ = 100;
};

inline std::optional<Error> FakeMounting::planned_failure(Request request) {
  auto& planned = failures_[request];
  if (planned.empty()) return std::nullopt;
  Error error = std::move(planned.front());
  planned.pop_front();
  return error;
}

template <typename T>
std::unique_ptr<PendingOperation> FakeMounting::ask(
    Request request, std::string what, Done<T> done, std::move_only_function<Result<T>()> work,
    std::move_only_function<void(std::uint64_t)> progress) {
  history_.push_back(what);
  Waiting waiting;
  waiting.id = ++last_id_;
  waiting.what = std::move(what);
  waiting.progress = std::move(progress);
  waiting.answer = [failure = planned_failure(request), done = std::move(done),
                    work = std::move(work)]() mutable {
    if (failure) return done(std::unexpected(*std::move(failure)));
    done(work());
  };
  const std::uint64_t id = waiting.id;
  if (answers_ == Answers::kSoon) waiting.soon = loop_.soon([this, id] { answer(id); }).value();
  waiting_.push_back(std::move(waiting));
  return std::make_unique<Pending>(*this, id);
}

inline bool FakeMounting::answer(std::uint64_t id) {
  const auto found = std::ranges::find(waiting_, id, &Waiting::id);
  if (found == waiting_.end()) return false;
  // `done` may make another request, or destroy the operation.
  Waiting waiting = std::move(*found);
  waiting_.erase(found);
  waiting.answer();
  return true;
}

inline bool FakeMounting::answer_next() {
  return !waiting_.empty() && answer(waiting_.front().id);
}

inline void FakeMounting::cancel(std::uint64_t id) {
  const auto found = std::ranges::find(waiting_, id, &Waiting::id);
  if (found == waiting_.end()) return;
  history_.push_back("cancel " + found->what);
  waiting_.erase(found);
}

inline void FakeMounting::note(const char* what, std::uint64_t id) {
  const auto found = std::ranges::find(waiting_, id, &Waiting::id);
  if (found != waiting_.end()) history_.push_back(what + found->what);
}

inline void FakeMounting::progress(std::uint64_t bytes) {
  for (Waiting& waiting : waiting_)
    if (waiting.progress) waiting.progress(bytes);
}

inline bool FakeMounting::die(const std::string& source, DriverDeath death) {
  Mounted* mounted = find(source);
  if (mounted == nullptr) return false;
  mounted->alive = false;
  Watch* watch = watch_of(mounted->mount_id);
  if (watch == nullptr || !watch->events_.on_death) return false;
  if (death.last_lines.empty()) death.last_lines = watch->lines_;
  // The callback may destroy the watch.
  auto call = std::exchange(watch->events_.on_death, {});
  call(std::move(death));
  return true;
}

inline LiveMount FakeMounting::live_mount_of(const Mounted& mounted) {
  LiveMount live;
  live.mount_point = mounted.mount_point;
  live.mount_id = mounted.mount_id;
  live.fuseblk = mounted.decision.fuseblk;
  live.read_only = mounted.decision.read_only;
  live.subtype = mounted.decision.subtype;
  live.driver = "airlock-fake";
  live.origin = "builtin";
  live.driver_pid = static_cast<pid_t>(40'000 + mounted.mount_id);
  live.since = std::chrono::system_clock::now();
  return live;
}

inline bool FakeMounting::heal(const std::string& source, DriverDeath death,
                               std::chrono::milliseconds pause, pid_t driver) {
  Mounted* mounted = find(source);
  Watch* watch = mounted == nullptr ? nullptr : watch_of(mounted->mount_id);
  if (watch == nullptr || !watch->events_.on_healed) return false;
  LiveMount live = live_mount_of(*mounted);
  live.driver_pid = driver;
  watch->events_.on_healed({.death = std::move(death), .pause = pause, .mount = std::move(live)});
  return true;
}

inline bool FakeMounting::unmount_by_hand(const std::string& source, UnmountResult result) {
  Mounted* mounted = find(source);
  if (mounted == nullptr) return false;
  Watch* watch = watch_of(mounted->mount_id);
  take_away(mounted->mount_id);
  if (watch == nullptr || !watch->events_.on_unmounted) return false;
  auto call = std::exchange(watch->events_.on_unmounted, {});
  call(std::move(result));
  return true;
}

inline std::unique_ptr<PendingOperation> FakeMounting::mount(
    const MountSource& source, const MountDecision& decision,
    std::move_only_function<void(double)> checked, Done<LiveMount> done) {
  checked_ = std::move(checked);
  return ask<LiveMount>(
      Request::kMount, "mount " + source.path, std::move(done),
      [this, path = source.path, decision]() -> Result<LiveMount> {
        if (mounted(path)) return fail(Errc::kAlreadyMounted, "{} is mounted", path);
        Mounted made{.source = path,
                     .mount_point = "/run/media/" + decision.user_name + "/" + decision.folder_name,
                     .mount_id = ++last_mount_id_,
                     .decision = decision,
                     .holders = {}};
        mounts_.push_back(made);
        return live_mount_of(made);
      });
}

inline std::unique_ptr<PendingOperation> FakeMounting::unmount(
    const LiveMount& mount, const MountSource& source, UnmountForce force,
    std::move_only_function<void(std::uint64_t)> progress, Done<UnmountResult> done) {
  constexpr auto kWords = std::to_array<const char*>({"", "lazy ", "force "});
  return ask<UnmountResult>(
      Request::kUnmount,
      fmt::format("unmount {}{}", kWords.at(static_cast<std::size_t>(force)), source.path),
      std::move(done),
      [this, id = mount.mount_id, force]() -> Result<UnmountResult> {
        const Mounted* mounted = at(id);
        if (mounted == nullptr) return fail(Errc::kNotFound, "it is not mounted");
        if (force == UnmountForce::kNone && !mounted->holders.empty())
          return fail(Errc::kBusy, "{} is in use", mounted->mount_point);
        take_away(id);
        return unmount_result_;
      },
      std::move(progress));
}

inline std::unique_ptr<PendingOperation> FakeMounting::write_out(const LiveMount& /*mount*/,
                                                                 const MountSource& source,
                                                                 Done<bool> done) {
  return ask<bool>(Request::kWriteOut, "write out " + source.path, std::move(done),
                   []() -> Result<bool> { return true; });
}

inline std::unique_ptr<PendingOperation> FakeMounting::detach(const LiveMount& mount,
                                                              Done<bool> done) {
  return ask<bool>(Request::kDetach, "detach " + mount.mount_point, std::move(done),
                   [this, id = mount.mount_id]() -> Result<bool> {
                     const bool was_there = at(id) != nullptr;
                     take_away(id);
                     return was_there;
                   });
}

inline std::unique_ptr<MountWatch> FakeMounting::watch(LiveMount& mount, WatchEvents events) {
  return std::make_unique<Watch>(*this, mount.mount_id, std::move(events));
}

inline std::unique_ptr<PendingOperation> FakeMounting::find_users(
    const LiveMount& mount, Done<std::vector<BusyProcess>> done) {
  return ask<std::vector<BusyProcess>>(
      Request::kFindUsers, "find users of " + mount.mount_point, std::move(done),
      [this, id = mount.mount_id]() -> Result<std::vector<BusyProcess>> {
        const Mounted* mounted = at(id);
        return mounted == nullptr ? std::vector<BusyProcess>{} : mounted->holders;
      });
}

inline std::unique_ptr<PendingOperation> FakeMounting::eject(const std::string& drive_node,
                                                             Done<bool> done) {
  return ask<bool>(Request::kEject, "eject " + drive_node, std::move(done),
                   []() -> Result<bool> { return true; });
}

inline std::unique_ptr<PendingOperation> FakeMounting::power_off(
    const std::string& drive_sysfs_path, Done<bool> done) {
  return ask<bool>(Request::kPowerOff, "power off " + drive_sysfs_path, std::move(done),
                   []() -> Result<bool> { return true; });
}

}  // namespace airlock
