// SPDX-License-Identifier: GPL-2.0-or-later
// What is done without anybody asking: the policy decides, once per medium; what has to wait is
// decided again when sessions or settings change.
#include <utility>

#include "daemon/volumes/volume_journal.h"
#include "daemon/volumes/volume_keeper.h"
#include "lib/base/log.h"

namespace airlock {

Decision VolumeKeeper::automatic_decision(const Volume& volume) const {
  Facts facts = facts_of(volume);
  facts.request.automatic = true;
  return parts_.rules.decide(facts);
}

// What is ignored is not even looked at, and while a session is locked neither is anything else.
void VolumeKeeper::decide(Kept& kept) {
  const Volume& volume = kept.machine->volume();
  const Decision decision = automatic_decision(volume);
  const bool hands_off = std::holds_alternative<IgnoreDecision>(decision.what) ||
                         std::holds_alternative<WaitDecision>(decision.what);
  if (!volume.probe && !hands_off) return look(kept);
  carry_out(kept, decision);
}

void VolumeKeeper::look(Kept& kept) {
  kept.machine->probe(std::nullopt, {});
}

// The medium may have become another in content: formatted, partitioned. It is looked at again,
// but mounted by itself only if it never was.
void VolumeKeeper::decide_again(Kept& kept) {
  const Decision decision = automatic_decision(kept.machine->volume());
  const bool wait = std::holds_alternative<WaitDecision>(decision.what) && !kept.decided;
  if (wait || std::holds_alternative<IgnoreDecision>(decision.what))
    return carry_out(kept, decision);
  look(kept);
}

void VolumeKeeper::on_probed(const std::string& id, const Result<void>& outcome) {
  Kept& kept = kept_.at(id);
  apply_rules(*kept.machine);
  if (!outcome) {
    kept.decided = true;
    log(LogLevel::kWarning, "{}: {}", id, outcome.error().message());
    return kept.machine->settle(VolumeState::kAvailable,
                                "looking what is on it failed: " + outcome.error().message(),
                                "built-in");
  }
  if (kept.machine->volume().image)
    return kept.machine->settle(VolumeState::kAvailable, "an image somebody opened", "built-in");
  carry_out(kept, automatic_decision(kept.machine->volume()));
}

void VolumeKeeper::log_once(Kept& kept, const Decision& decision) {
  std::string words(decision_word(decision));
  words += "\n" + decision.reason + "\n" + decision.rule;
  if (std::exchange(kept.last_decision, words) == words) return;
  journal_decision(kept.machine->volume(), decision);
}

void VolumeKeeper::carry_out(Kept& kept, const Decision& decision) {
  VolumeMachine& machine = *kept.machine;
  if (std::holds_alternative<IgnoreDecision>(decision.what)) {
    log_once(kept, decision);
    return machine.settle(VolumeState::kIgnored, decision.reason, decision.rule);
  }
  const bool wait = std::holds_alternative<WaitDecision>(decision.what);
  const bool refuse = std::holds_alternative<RefuseDecision>(decision.what);
  const bool had_its_chance = kept.decided;
  if (!wait) kept.decided = true;
  // Whatever would be done now, somebody has to ask for it.
  if (had_its_chance && !refuse) {
    const std::string& before = machine.reason_before_probe();
    return machine.settle(VolumeState::kAvailable, before.empty() ? decision.reason : before,
                          decision.rule);
  }
  log_once(kept, decision);
  if (wait) return machine.settle(VolumeState::kWaiting, decision.reason, decision.rule);
  if (std::holds_alternative<LeaveDecision>(decision.what))
    return machine.settle(VolumeState::kAvailable, decision.reason, decision.rule);
  if (refuse) return machine.settle(VolumeState::kRefused, decision.reason, decision.rule);
  machine.mount(
      {.decision = std::get<MountDecision>(decision.what), .rule = decision.rule, .started_by = 0},
      {});
}

void VolumeKeeper::replay() {
  for (const Volume* volume : registry_.all()) {
    Kept& kept = kept_.at(volume->id);
    const bool unsettled = volume->state == VolumeState::kWaiting ||
                           volume->state == VolumeState::kIgnored ||
                           volume->state == VolumeState::kRefused;
    if (unsettled && !kept.machine->busy() && volume->device) decide(kept);
  }
}

// A medium that came while the mount of the one before was still there looked as if it were in use,
// and no event says that it is not any more.
void VolumeKeeper::decide_on_successor(dev_t device) {
  const Volume* next = registry_.find(device);
  if (next == nullptr || next->state != VolumeState::kIgnored) return;
  Kept& kept = kept_.at(next->id);
  if (!kept.machine->busy()) decide(kept);
}

}  // namespace airlock
