// SPDX-License-Identifier: GPL-2.0-or-later
// Automatic decisions: the policy decides once per medium, and decides again about waiting
// media when sessions or settings change.
#include <utility>

#include "daemon/volumes/journal.h"
#include "daemon/volumes/supervisor.h"
#include "lib/base/log.h"

namespace airlock {

Decision VolumeSupervisor::automatic_decision(const Volume& volume) const {
  Facts facts = facts_of(volume);
  facts.request.automatic = true;
  return parts_.rules.decide(facts);
}

// An ignored medium is not even examined, and neither is any other while the session is locked.
void VolumeSupervisor::decide(Supervised& entry) {
  const Volume& volume = entry.machine->volume();
  const Decision decision = automatic_decision(volume);
  const bool hands_off = std::holds_alternative<IgnoreDecision>(decision.what) ||
                         std::holds_alternative<WaitDecision>(decision.what);
  if (!volume.probe && !hands_off) return look(entry);
  carry_out(entry, decision);
}

void VolumeSupervisor::look(Supervised& entry) {
  entry.machine->probe(std::nullopt, {});
}

// The contents of the medium may have changed: formatted, partitioned. Examines it again, but
// mounts it automatically only if that never happened before.
void VolumeSupervisor::decide_again(Supervised& entry) {
  const Decision decision = automatic_decision(entry.machine->volume());
  const bool wait = std::holds_alternative<WaitDecision>(decision.what) && !entry.decided;
  if (wait || std::holds_alternative<IgnoreDecision>(decision.what))
    return carry_out(entry, decision);
  look(entry);
}

void VolumeSupervisor::on_probed(const std::string& id, const Result<void>& outcome) {
  Supervised& entry = supervised_.at(id);
  apply_rules(*entry.machine);
  if (!outcome) {
    entry.decided = true;
    log(LogLevel::kWarning, "{}: {}", id, outcome.error().message());
    return entry.machine->settle(VolumeState::kAvailable,
                                 "examining the medium failed: " + outcome.error().message(),
                                 "built-in");
  }
  if (entry.machine->volume().image)
    return entry.machine->settle(VolumeState::kAvailable, "an image somebody opened", "built-in");
  carry_out(entry, automatic_decision(entry.machine->volume()));
}

void VolumeSupervisor::log_once(Supervised& entry, const Decision& decision) {
  std::string words(decision_word(decision));
  words += "\n" + decision.reason + "\n" + decision.rule;
  if (std::exchange(entry.last_decision, words) == words) return;
  journal_decision(entry.machine->volume(), decision);
}

void VolumeSupervisor::carry_out(Supervised& entry, const Decision& decision) {
  VolumeMachine& machine = *entry.machine;
  if (std::holds_alternative<IgnoreDecision>(decision.what)) {
    log_once(entry, decision);
    return machine.settle(VolumeState::kIgnored, decision.reason, decision.rule);
  }
  const bool wait = std::holds_alternative<WaitDecision>(decision.what);
  const bool refuse = std::holds_alternative<RefuseDecision>(decision.what);
  const bool had_its_chance = entry.decided;
  if (!wait) entry.decided = true;
  // From now on the medium is only mounted on request.
  if (had_its_chance && !refuse) {
    const std::string& before = machine.reason_before_probe();
    return machine.settle(VolumeState::kAvailable, before.empty() ? decision.reason : before,
                          decision.rule);
  }
  log_once(entry, decision);
  if (wait) return machine.settle(VolumeState::kWaiting, decision.reason, decision.rule);
  if (std::holds_alternative<OnDemandDecision>(decision.what))
    return machine.settle(VolumeState::kAvailable, decision.reason, decision.rule);
  if (refuse) return machine.settle(VolumeState::kRefused, decision.reason, decision.rule);
  machine.mount(
      {.decision = std::get<MountDecision>(decision.what), .rule = decision.rule, .started_by = 0},
      {});
}

void VolumeSupervisor::replay() {
  for (const Volume* volume : registry_.all()) {
    Supervised& entry = supervised_.at(volume->id);
    const bool unsettled = volume->state == VolumeState::kWaiting ||
                           volume->state == VolumeState::kIgnored ||
                           volume->state == VolumeState::kRefused;
    if (unsettled && !entry.machine->busy() && volume->device) decide(entry);
  }
  look_for_others();
}

// A medium that came while the mount of its predecessor still existed looked as if it were in use,
// and no event says that it no longer is.
void VolumeSupervisor::decide_on_successor(dev_t device) {
  const Volume* next = registry_.find(device);
  if (next == nullptr || next->state != VolumeState::kIgnored) return;
  Supervised& entry = supervised_.at(next->id);
  if (!entry.machine->busy()) decide(entry);
}

}  // namespace airlock
