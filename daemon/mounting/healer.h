// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <deque>
#include <memory>

#include "daemon/mounting/mounting.h"
#include "daemon/mounting/mounting_tools.h"

namespace airlock {

// Gives one mount another driver when its driver died, as long as that does not happen too often.
class Healer {
 public:
  using Done = std::move_only_function<void(Result<LiveMount>)>;

  // Takes the lifeline; without one it heals nothing.
  Healer(MountingTools& tools, LiveMount& mount);

  // Whether a driver that died like this is to be replaced. If so, call heal() next.
  [[nodiscard]] bool can_heal(const DriverDeath& death);
  [[nodiscard]] bool has_lifeline() const { return lifeline_ != nullptr; }
  [[nodiscard]] bool is_healing() const { return errand_ != nullptr; }
  // After the driver was reaped. Once at a time; `done` is called from the loop.
  void heal(Done done);
  // From now on the kernel notices that there is no driver. Stops what is under way.
  void let_go();

 private:
  using Time = std::chrono::steady_clock::time_point;
  [[nodiscard]] bool within_budget(Time now);

  MountingTools& tools_;
  MountFacts mount_;
  std::shared_ptr<const HealPlan> plan_;
  std::shared_ptr<Lifeline> lifeline_;
  std::deque<Time> deaths_;  // that were followed by a successor
  bool healed_an_attack_ = false;
  std::unique_ptr<ErrandQueue::Ticket> errand_;
};

}  // namespace airlock
