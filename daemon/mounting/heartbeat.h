// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "daemon/mounting/mounting_tools.h"
#include "daemon/mounting/signs_of_life.h"
#include "daemon/mounting/unmount_errand.h"

namespace airlock {

// Finds drivers that live and do not answer, and mounts whose driver nobody can see dying. As long
// as no request waits this costs one read per mount and beat, and nothing without mounts. A mount
// with requests waiting is asked something only its driver can answer, by an errand that may hang
// in our place.
class Heartbeat {
 public:
  enum class Finding {
    kHung,  // alive, and silent for the whole deadline, or for several while it shows signs of life
    kGone,  // the connection has no driver any more
  };
  using OnFinding = std::move_only_function<void(Finding)>;
  class Subscription {
   public:
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    friend class Heartbeat;
    Subscription(Heartbeat& heartbeat, MountIdentity mount, pid_t driver, OnFinding callback)
        : heartbeat_(heartbeat),
          mount_(std::move(mount)),
          driver_(driver),
          memory_(driver),
          callback_(std::move(callback)) {}
    void end_probe();
    Heartbeat& heartbeat_;
    MountIdentity mount_;
    pid_t driver_;
    MemorySign memory_;
    OnFinding callback_;
    int hung_probes_ = 0;
    std::unique_ptr<ErrandQueue::Ticket> probe_;
  };

  explicit Heartbeat(MountingTools& tools) : tools_(tools) {}
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // The callback is called at most once. A driver of process 0 is not known.
  std::unique_ptr<Subscription> watch(MountIdentity mount, pid_t driver, OnFinding callback);

 private:
  void arm();
  void beat();
  void look(Subscription& at);
  void probe(Subscription& at);
  void judge(Subscription& at, Result<ErrandReport> answer);

  MountingTools& tools_;
  std::list<Subscription*> watched_;
  EventSource timer_;
};

}  // namespace airlock
