// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mounting/mounting_tools.h"
#include "daemon/mounting/signs_of_life.h"
#include "daemon/mounting/unanswered.h"
#include "daemon/mounting/unmount_errand.h"

namespace airlock {

// Finds drivers that are alive and do not answer, and mounts whose driver nobody can see dying. As
// long as no request waits, this costs one read per mount and beat, and nothing without mounts. If
// requests wait, an errand, which may hang in our place, asks the mount something that only its
// driver can answer. A driver may answer that and leave others waiting, so another errand looks who
// waits. The number of requests is examined more often: a driver can make the kernel send requests
// to it, and nobody is charged for their memory.
class Heartbeat {
 public:
  struct Finding {
    enum class Kind {
      kHung,        // alive, but silent for the whole deadline, or for several while it works
      kUnanswered,  // the same, but it answers other requests
      kFlood,       // it has more requests than any programs would make
      kGone,        // the connection has lost its driver
    };
    Kind kind = Kind::kHung;
    std::string request = {};  // kUnanswered: "READ", or empty
  };
  using OnFinding = std::move_only_function<void(Finding)>;
  class Subscription {
   public:
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    friend class Heartbeat;
    Subscription(Heartbeat& heartbeat, MountIdentity mount, dev_t device, pid_t driver,
                 OnFinding callback)
        : heartbeat_(heartbeat),
          mount_(std::move(mount)),
          device_(device),
          driver_(driver),
          memory_(driver),
          callback_(std::move(callback)) {}
    void end_probe();
    void tell(Finding finding);

    // Requests have waited at every beat since then.
    struct Debt {
      StallClock::Time since;
      StallClock progress;
      bool overdue = false;  // somebody has waited for the whole deadline
    };
    Heartbeat& heartbeat_;
    MountIdentity mount_;
    dev_t device_;  // 0: none
    pid_t driver_;
    std::optional<Debt> debt_;
    MemorySign memory_;
    OnFinding callback_;
    int hung_probes_ = 0;
    std::unique_ptr<ErrandQueue::Ticket> probe_;
  };

  explicit Heartbeat(MountingTools& tools) : tools_(tools) {}
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // The callback is called at most once. Process 0 means an unknown driver; device 0, no device.
  std::unique_ptr<Subscription> watch(MountIdentity mount, dev_t device, pid_t driver,
                                      OnFinding callback);

 private:
  void arm();
  void beat();
  void look(Subscription& at);
  void note_debt(Subscription& at, bool owes);
  void probe(Subscription& at);
  void judge(Subscription& at, Result<ErrandReport> answer);
  void search();
  void judge_all(const std::vector<Unanswered>& found);
  void arm_flood_watch();
  void look_for_floods();
  [[nodiscard]] bool is_ours_to_watch(const Subscription& at) const;

  MountingTools& tools_;
  std::list<Subscription*> watched_;
  EventSource timer_, flood_timer_;
  std::unique_ptr<ErrandQueue::Ticket> search_;
};

}  // namespace airlock
