// SPDX-License-Identifier: GPL-2.0-or-later
// Requests about one volume.
#include <algorithm>
#include <utility>

#include "daemon/launch/containment_report.h"
#include "daemon/places/adoption.h"
#include "daemon/volumes/journal.h"
#include "daemon/volumes/request_details.h"
#include "daemon/volumes/service.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using Actions = std::vector<std::string>;

Result<UnmountForce> force_of(const CallOptions& options) {
  if (options.force && options.lazy)
    return fail(Errc::kInvalidArgument, "an unmount can be forced or lazy, not both");
  if (options.force) return UnmountForce::kForce;
  return options.lazy ? UnmountForce::kLazy : UnmountForce::kNone;
}

// The actions that the table requires for a method that depends only on the volume.
Result<Actions> needed_for(std::string_view method, const Volume& volume,
                           const CallerFacts& caller) {
  return required_actions("Volume", method, authorization_facts(volume, caller));
}

// The order for the machine. A read-only descriptor makes a read-only mount.
VolumeMachine::MountOrder order_of(const Decision& decision, const Volume& volume,
                                   const CallerFacts& caller) {
  VolumeMachine::MountOrder order{.decision = std::get<MountDecision>(decision.what),
                                  .rule = decision.rule,
                                  .started_by = caller.user};
  if (!volume.image || volume.image->writable || order.decision.read_only) return order;
  order.decision.read_only = true;
  order.decision.read_only_reason = "the image was opened for reading only";
  return order;
}

template <typename T>
std::move_only_function<void(Result<T>)> give_to(Reply<T> answer) {
  return [answer = std::move(answer)](Result<T> result) { answer.give(std::move(result)); };
}

}  // namespace

void VolumeService::mount(Call call, std::string volume, Reply<std::string> mount_point) {
  const auto answer = accept(std::move(mount_point));
  const auto plan = std::make_shared<MountPlan>(MountPlan{.call = call});
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs = [this, plan](
                       VolumeMachine& machine,
                       const CallerFacts& caller) { return decide_mount(*plan, machine, caller); },
          .act =
              [plan, answer](VolumeMachine& machine, const CallerFacts& caller) {
                if (plan->join) return machine.join_mount(give_to(answer));
                machine.mount(order_of(plan->decision, machine.volume(), caller), give_to(answer));
              },
          .may_look = [this, plan](
                          VolumeMachine& machine,
                          const CallerFacts& caller) { return may_look(*plan, machine, caller); }},
         refuse_with(answer));
}

Result<Actions> VolumeService::decide_mount(MountPlan& plan, VolumeMachine& machine,
                                            const CallerFacts& caller) {
  const Volume& volume = machine.volume();
  const CallOptions& options = plan.call.options;
  // If Airlock is already making this mount automatically, a file manager that asks for it gets its
  // result.
  plan.join = volume.state == VolumeState::kMounting && caller.user == volume.mounted_for &&
              options.mount_options.empty() && options.type.empty();
  if (plan.join) return Actions{};
  if (machine.busy() || !may_become(volume.state, VolumeState::kMounting) ||
      volume.state == VolumeState::kDead)
    return std::unexpected(machine.why_not("mount"));
  if (volume.device && releases_.releasing(volume.device->drive))
    return fail(Errc::kBusy, "its drive is being ejected");
  TRY(auto wanted, apply_policy(plan, supervisor_.facts_of(volume), caller));
  AuthorizationFacts facts = authorization_facts(volume, caller);
  facts.mount_actions = std::move(wanted);
  return required_actions("Volume", "Mount", facts);
}

// Whether the medium may be opened for this caller at all, to examine it.
Result<void> VolumeService::may_look(MountPlan& plan, VolumeMachine& machine,
                                     const CallerFacts& caller) {
  const auto wanted = apply_policy(plan, supervisor_.facts_of(machine.volume()), caller);
  if (wanted || std::holds_alternative<OnDemandDecision>(plan.decision.what)) return {};
  return std::unexpected(wanted.error());
}

Result<Actions> VolumeService::apply_policy(MountPlan& plan, Facts facts,
                                            const CallerFacts& caller) {
  facts.request.caller = caller;
  facts.request.options = split(plan.call.options.mount_options, ',');
  if (!plan.call.options.type.empty()) facts.request.type = plan.call.options.type;
  if (!facts.device) facts.session = parts_.volumes.sessions.at_seat(caller.seat);
  plan.decision = parts_.volumes.rules.decide(facts);
  const std::string& reason = plan.decision.reason;
  if (const auto* refuse = std::get_if<RefuseDecision>(&plan.decision.what))
    return fail(refuse->code, "{}", reason);
  if (std::holds_alternative<IgnoreDecision>(plan.decision.what))
    return fail(Errc::kNotPermitted, "{}", reason);
  if (std::holds_alternative<WaitDecision>(plan.decision.what))
    return fail(Errc::kBusy, "{}", reason);
  if (std::holds_alternative<OnDemandDecision>(plan.decision.what))
    return fail(Errc::kUnsupported, "{}", reason);
  return std::get<MountDecision>(plan.decision.what).actions;
}

// A desktop may ask as soon as it hears of a device, before we do.
Result<std::string> VolumeService::volume_of_device(const std::string& device) {
  const auto known = parts_.volumes.devices.find(device);
  if (!known) return fail(Errc::kNotFound, "there is no device {}", quote(device));
  if (supervisor_.registry().find(known->number) == nullptr) supervisor_.show(*known);
  if (const Volume* volume = supervisor_.registry().find(known->number)) return volume->id;
  return fail(Errc::kNotFound, "{}: there is no medium inside", quote(device));
}

// The program that gets the answer may not show it, so the volume has to.
void VolumeService::show_refusal(VolumeMachine& machine, const Error& why) {
  const VolumeState state = machine.volume().state;
  const bool rests = state == VolumeState::kAvailable || state == VolumeState::kRefused ||
                     state == VolumeState::kWaiting;
  if (rests && !machine.busy())
    machine.settle(VolumeState::kRefused, why.message(), machine.volume().decided_by);
}

// Looks for nothing and shows nothing until it is certain that the caller is root.
void VolumeService::mount_at(Call call, MountThere wanted, Reply<std::string> volume) {
  const auto answer = accept(std::move(volume));
  const auto root_alone = [](const CallerFacts& caller) -> Result<Permission> {
    if (caller.user == 0) return Permission{};
    return fail(Errc::kNotPermitted, "only root may choose a mount point");
  };
  requests_.begin(
      call, "", limits().requests_per_user, refuse_with(answer),
      [=, this, there = std::make_shared<MountThere>(std::move(wanted))](Requests::Id id,
                                                                         const CallerFacts&) {
        requests_.permit(id, root_alone, [this, call, there, answer](const CallerFacts&) {
          parts_.handovers.take(call.sender, there->handover,
                                [=, this](Result<std::vector<HandedFile>> files) {
                                  if (!files) return answer.refuse(std::move(files).error());
                                  mount_there(call, *there, std::move(files->front().file), answer);
                                });
        });
      });
}

void VolumeService::mount_there(Call call, MountThere wanted, std::shared_ptr<HeldFile> place,
                                const Reply<std::string>& answer) {
  const auto id = volume_of_device(wanted.device);
  if (!id) return answer.refuse(id.error());
  const auto plan = std::make_shared<MountPlan>(MountPlan{.call = call});
  const auto refuse = [this, id = *id, answer](Error why) {
    // When the volume is busy, its state says so already, and that passes.
    const bool busy = why.code == Errc::kAlreadyMounted || why.code == Errc::kBusy;
    if (VolumeMachine* machine = supervisor_.find(id); machine != nullptr && !busy) {
      journal_mount_failed(machine->volume(), why);
      show_refusal(*machine, why);
    }
    answer.refuse(std::move(why));
  };
  handle({.call = std::move(call),
          .volume = *id,
          .needs = [this, plan, space = wanted.mount_namespace](
                       VolumeMachine& machine, const CallerFacts& caller) -> Result<Actions> {
            TRY_VOID(require_our_namespace(space));
            return decide_mount(*plan, machine, caller);
          },
          .act =
              [this, plan, place, answer](VolumeMachine& machine, const CallerFacts& caller) {
                auto order = order_of(plan->decision, machine.volume(), caller);
                order.decision.place = place;
                // The machine may be gone by then.
                machine.mount(std::move(order), [this, answer, id = machine.volume().id](
                                                    Result<std::string> mounted) {
                  if (mounted) return answer.give(id);
                  if (VolumeMachine* refused = supervisor_.find(id))
                    show_refusal(*refused, mounted.error());
                  answer.refuse(std::move(mounted).error());
                });
              },
          .may_look = [this, plan, space = wanted.mount_namespace](
                          VolumeMachine& machine, const CallerFacts& caller) -> Result<void> {
            TRY_VOID(require_our_namespace(space));
            return may_look(*plan, machine, caller);
          }},
         refuse);
}

void VolumeService::recover(Call call, std::string volume, std::string mode,
                            Reply<std::string> mount_point) {
  const auto answer = accept(std::move(mount_point));
  if (mode != "read-write" && mode != "read-only")
    return answer.give(fail(Errc::kInvalidArgument,
                            "a mount is recovered read-write or read-only, not {}", quote(mode)));
  const auto plan = std::make_shared<MountPlan>(MountPlan{.call = call});
  plan->call.options.mount_options = mode == "read-only" ? "ro" : "rw";
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs =
              [this, plan, mode](VolumeMachine& machine, const CallerFacts& caller) {
                return decide_recovery(*plan, machine, caller);
              },
          .act =
              [plan, answer](VolumeMachine& machine, const CallerFacts& caller) {
                machine.mount(order_of(plan->decision, machine.volume(), caller), give_to(answer));
              }},
         refuse_with(answer));
}

// The mount comes back for its original user, whoever asks.
Result<Actions> VolumeService::decide_recovery(MountPlan& plan, VolumeMachine& machine,
                                               const CallerFacts& caller) {
  const Volume& volume = machine.volume();
  if (volume.state != VolumeState::kDead)
    return fail(Errc::kInvalidArgument, "there is nothing to recover: it is {}",
                state_name(volume.state));
  if (machine.busy()) return std::unexpected(machine.why_not("recover"));
  if (volume.placed_by_others)
    return fail(Errc::kUnsupported,
                "it was mounted with mount(8) or udisks: detach it, and mount it there again");
  if (volume.image && !volume.image->file)
    return fail(Errc::kNotFound, "the image is not open any more: open it again");
  Facts facts = supervisor_.facts_of(volume);
  if (!facts.probe && volume.mount)
    facts.probe = ProbeRecord{.type = volume.mount->subtype,
                              .usage = ProbeUsage::kFilesystem,
                              .state = MediumState::kDirty};
  // Its own dead mount does not count as use; the claim finds any other user.
  if (facts.device) facts.device->users.clear();
  AuthorizationFacts needed = authorization_facts(volume, caller);
  TRY(needed.mount_actions, apply_policy(plan, std::move(facts), caller));
  if (caller.user != volume.mounted_for) {
    auto& decision = std::get<MountDecision>(plan.decision.what);
    decision.user = volume.mounted_for;
    decision.group = volume.mounted_for_group;
    decision.user_name = volume.mounted_for_name;
  }
  return required_actions("Volume", "Recover", needed);
}

void VolumeService::unmount(Call call, std::string volume, Reply<void> done) {
  const auto answer = accept(std::move(done));
  const auto force = force_of(call.options);
  if (!force) return answer.refuse(force.error());
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs = [force = *force](VolumeMachine& machine,
                                    const CallerFacts& caller) -> Result<Actions> {
            const Volume& now = machine.volume();
            const bool can = now.state == VolumeState::kMounted || now.state == VolumeState::kDead;
            const bool overtakes = force == UnmountForce::kForce && machine.can_force_unmount();
            if (!overtakes && (!can || machine.busy()))
              return std::unexpected(machine.why_not("unmount"));
            return needed_for("Unmount", now, caller);
          },
          .act =
              [this, force = *force, answer](VolumeMachine& machine, const CallerFacts& caller) {
                if (machine.volume().state == VolumeState::kDead)
                  return machine.detach(caller.user, give_to(answer));
                machine.unmount(force, caller.user,
                                [this, id = machine.volume().id, force,
                                 answer](Result<Mounting::UnmountResult> result) {
                                  answer_unmount(id, force, std::move(result), answer);
                                });
              }},
         refuse_with(answer));
}

void VolumeService::answer_unmount(const std::string& volume, UnmountForce force,
                                   Result<Mounting::UnmountResult> result,
                                   const Reply<void>& answer) {
  if (!result) return explain_busy(volume, std::move(result).error(), refuse_with(answer));
  if (result->flushed || force != UnmountForce::kNone) return answer.give({});
  answer.give(fail(Errc::kIo, "it is unmounted, but {}", result->warning));
}

// "Busy" does not help without a name.
void VolumeService::explain_busy(const std::string& volume, Error error,
                                 std::move_only_function<void(Error)> explained) {
  VolumeMachine* machine = supervisor_.find(volume);
  if (error.code != Errc::kBusy || machine == nullptr ||
      machine->volume().state != VolumeState::kMounted)
    return explained(std::move(error));
  machine->find_users([error = std::move(error), explained = std::move(explained)](
                          const Result<std::vector<BusyProcess>>& users) mutable {
    if (!users || users->empty()) return explained(std::move(error));
    explained(fail(Errc::kBusy, "it is in use by {}", describe(*users)).error());
  });
}

void VolumeService::detach(Call call, std::string volume, Reply<void> done) {
  const auto answer = accept(std::move(done));
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs = [](VolumeMachine& machine, const CallerFacts& caller) -> Result<Actions> {
            const Volume& now = machine.volume();
            if (now.state == VolumeState::kMounted)
              return fail(Errc::kBusy, "it is mounted and its driver lives: unmount it");
            const bool image_at_rest = now.image && !now.mount;
            if (machine.busy() || (now.state != VolumeState::kDead && !image_at_rest))
              return std::unexpected(machine.why_not("detach"));
            return needed_for("Detach", now, caller);
          },
          .act =
              [this, answer](VolumeMachine& machine, const CallerFacts& caller) {
                if (machine.volume().state == VolumeState::kDead)
                  return machine.detach(caller.user, give_to(answer));
                supervisor_.close_image(machine.volume().id);
                answer.give({});
              }},
         refuse_with(answer));
}

void VolumeService::eject(Call call, std::string volume, Reply<void> done) {
  release(DriveReleases::Kind::kEject, std::move(call), std::move(volume), std::move(done));
}

void VolumeService::power_off(Call call, std::string volume, Reply<void> done) {
  release(DriveReleases::Kind::kPowerOff, std::move(call), std::move(volume), std::move(done));
}

void VolumeService::release(DriveReleases::Kind kind, Call call, std::string volume,
                            Reply<void> done) {
  const auto answer = accept(std::move(done));
  const bool force = call.options.force;
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs =
              [this, kind, force](VolumeMachine& machine, const CallerFacts& caller) {
                return release_needs(kind, force, machine, caller);
              },
          .act =
              [this, kind, force, answer](VolumeMachine& machine, const CallerFacts& caller) {
                if (machine.volume().image) return close_image(machine, caller, force, answer);
                releases_.start({.kind = kind,
                                 .volume = machine.volume().id,
                                 .started_by = caller.user,
                                 .force = force,
                                 .answer = answer});
              }},
         refuse_with(answer));
}

Result<Actions> VolumeService::release_needs(DriveReleases::Kind kind, bool force,
                                             VolumeMachine& machine, const CallerFacts& caller) {
  const Volume& volume = machine.volume();
  const bool eject = kind == DriveReleases::Kind::kEject;
  AuthorizationFacts facts = authorization_facts(volume, caller);
  if (volume.image && eject) {
    if (machine.busy() && !(force && machine.can_force_unmount()))
      return std::unexpected(machine.why_not("eject"));
    return required_actions("Volume", "Unmount", facts);  // an image has no drive
  }
  TRY_VOID(releases_.check(volume, kind, force));
  // Everything on the drive is unmounted, so the owners of all of it count.
  for (const Volume* part : supervisor_.registry().of_drive(volume.device->drive))
    if (part->mount && part->mounted_for != caller.user) facts.ownership = Ownership::kOthers;
  return required_actions("Volume", eject ? "Eject" : "PowerOff", facts);
}

// Ejects an image: unmounts it and closes its descriptor.
void VolumeService::close_image(VolumeMachine& machine, const CallerFacts& caller, bool forced,
                                Reply<void> answer) {
  const std::string id = machine.volume().id;
  const auto close = [this, id, answer] {
    supervisor_.close_image(id);
    answer.give({});
  };
  if (machine.volume().state == VolumeState::kDead)
    return machine.detach(caller.user, [close, answer](const Result<void>& detached) {
      if (!detached) return answer.refuse(detached.error());
      close();
    });
  if (machine.volume().state != VolumeState::kMounted && !machine.can_force_unmount())
    return close();
  const auto force = forced ? UnmountForce::kForce : UnmountForce::kNone;
  machine.unmount(force, caller.user,
                  [this, id, force, close, answer](Result<Mounting::UnmountResult> result) {
                    const bool away = result.has_value();
                    answer_unmount(id, force, std::move(result), answer);
                    if (away) close();
                  });
}

void VolumeService::users(Call call, std::string volume, Reply<std::vector<UserOfMount>> users) {
  const auto answer = accept(std::move(users));
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs = [](VolumeMachine& machine, const CallerFacts& caller) -> Result<Actions> {
            if (!machine.volume().mount) return Actions{};
            return needed_for("GetUsers", machine.volume(), caller);
          },
          .act =
              [answer](VolumeMachine& machine, const CallerFacts&) {
                if (!machine.volume().mount) return answer.give(std::vector<UserOfMount>{});
                machine.find_users([answer](const Result<std::vector<BusyProcess>>& found) {
                  if (!found) return answer.refuse(found.error());
                  std::vector<UserOfMount> all;
                  for (const BusyProcess& process : *found)
                    all.push_back(
                        {static_cast<std::uint32_t>(process.pid), process.name, process.path});
                  answer.give(std::move(all));
                });
              }},
         refuse_with(answer));
}

void VolumeService::log_lines(Call call, std::string volume,
                              Reply<std::vector<std::string>> lines) {
  const auto answer = accept(std::move(lines));
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs =
              [](VolumeMachine& machine, const CallerFacts& caller) {
                return needed_for("GetLog", machine.volume(), caller);
              },
          .act = [answer](VolumeMachine& machine,
                          const CallerFacts&) { answer.give(machine.last_lines()); }},
         refuse_with(answer));
}

void VolumeService::containment(Call call, std::string volume, Reply<std::string> report) {
  const auto answer = accept(std::move(report));
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs = [](VolumeMachine& machine, const CallerFacts& caller) -> Result<Actions> {
            const Volume& now = machine.volume();
            if (!now.mount || now.death) return fail(Errc::kInvalidArgument, "it is not mounted");
            if (now.mount->driver_pid <= 0)
              return fail(Errc::kNotFound, "its driver does not say which process it is");
            return needed_for("GetContainment", now, caller);
          },
          .act = [this, answer](
                     VolumeMachine& machine,
                     const CallerFacts&) { measure(machine.volume().mount->driver_pid, answer); }},
         refuse_with(answer));
}

// Looks at its root and its descriptors through /proc, where anything may hang.
void VolumeService::measure(pid_t driver, Reply<std::string> answer) {
  run(
      [this, answer, driver](Finished finished) {
        return Errand::start(
            parts_.volumes.loop, "measure the containment", {.deadline = std::chrono::seconds{10}},
            {},
            [driver]() -> Result<ErrandReport> {
              TRY(const auto measured, measure_containment(driver));
              ErrandReport text;
              text.bytes = render(measured).substr(0, ErrandReport::kMostBytes);
              return text;
            },
            [answer, finished](Result<ErrandReport> text) {
              if (text)
                answer.give(std::move(text->bytes));
              else
                answer.refuse(std::move(text).error());
              finished();
            });
      },
      refuse_with(answer));
}

}  // namespace airlock
