// SPDX-License-Identifier: GPL-2.0-or-later
// Requests about one volume that is not mounted: check, repair, set the label.
#include <algorithm>
#include <utility>

#include "daemon/volumes/properties.h"
#include "daemon/volumes/request_details.h"
#include "daemon/volumes/service.h"
#include "lib/base/text.h"
#include "lib/protocol/checkers.h"
#include "lib/protocol/formats.h"

namespace airlock {
namespace {

std::string_view method_for(CheckOperation operation) {
  switch (operation) {
    case CheckOperation::kFormat:
      return "Format";
    case CheckOperation::kRepair:
      return "Repair";
    case CheckOperation::kLabel:
      return "SetLabel";
    default:
      return "Check";
  }
}

std::string_view verb_for(CheckOperation operation) {
  switch (operation) {
    case CheckOperation::kFormat:
      return "format";
    case CheckOperation::kRepair:
      return "repair";
    case CheckOperation::kLabel:
      return "label";
    default:
      return "check";
  }
}

Result<void> check_writable(const Volume& volume) {
  if (volume.image && !volume.image->writable)
    return fail(Errc::kReadOnly, "the image was opened for reading only");
  if (volume.device && volume.device->read_only)
    return fail(Errc::kReadOnly, "the medium is write-protected");
  return {};
}

// Refuses what can't be done for any caller.
Result<void> check_possible(const Volume& volume, const CheckRequest& request) {
  if (volume.image && !volume.image->file)
    return fail(Errc::kNotFound, "the image is not open any more: open it again");
  if (!volume.probe || volume.probe->usage != ProbeUsage::kFilesystem)
    return fail(Errc::kWrongFormat, "there is no filesystem on it");
  const CheckerRow* row = find_checker(volume.probe->type);
  if (row == nullptr)
    return fail(Errc::kUnsupported, "there is no checker for {}", quote(volume.probe->type));
  TRY_VOID(check_offered(*row, request.operation));
  if (only_reads(request.operation)) return {};
  TRY_VOID(check_writable(volume));
  // Only a hibernated system itself may write to its filesystem.
  if (volume.probe->state == MediumState::kHibernated)
    return fail(Errc::kBusy, "it holds a hibernated system, which writing would destroy");
  if (request.operation == CheckOperation::kLabel) return check_label(row->family, request.label);
  return {};
}

// Like check_possible(), whatever is on the medium. The system's own are refused to everybody.
Result<void> check_formattable(const Volume& volume, const CheckRequest& request) {
  TRY_VOID(check_format(request.type, request.label));
  if (!volume.device) return fail(Errc::kUnsupported, "it is an image file: format it with mkfs");
  const Device& device = *volume.device;
  if (!device.system_reason.empty())
    return fail(Errc::kNotPermitted, "it belongs to the system: {}", device.system_reason);
  if (device.ignored) return fail(Errc::kNotPermitted, "udev says to ignore it");
  if (device.has_partitions)
    return fail(Errc::kWrongFormat, "it has partitions, which are formatted one by one");
  if (device.size == 0) return fail(Errc::kNotFound, "there is no medium in it");
  if (!device.users.empty()) return fail(Errc::kBusy, "it is in use: {}", device.users.front());
  if (volume.state == VolumeState::kIgnored)
    return fail(Errc::kNotPermitted, "it is left alone: {}", volume.state_reason);
  if (volume.state == VolumeState::kWaiting)
    return fail(Errc::kBusy, "it has not been examined yet: {}", volume.state_reason);
  return check_writable(volume);
}

// What is on the medium does not matter if it is to be erased, and neither does a failed look at
// it.
Result<void> check_content(const VolumeMachine& machine, const CheckRequest& request) {
  const Volume& now = machine.volume();
  if (request.operation == CheckOperation::kFormat) return check_formattable(now, request);
  return !machine.busy() && now.probe ? check_possible(now, request) : Result<void>{};
}

bool can_start(const VolumeMachine& machine, CheckOperation operation) {
  return operation == CheckOperation::kFormat ? machine.can_format() : machine.can_check();
}

// Finds a device that something else uses; the claim will find it once more.
Result<void> check_unused(const Facts& facts) {
  if (!facts.device) return {};
  if (!facts.device->users.empty())
    return fail(Errc::kBusy, "it is in use: {}", facts.device->users.front());
  if (facts.device->has_partitions)
    return fail(Errc::kWrongFormat, "it has partitions, which are checked one by one");
  return {};
}

// For a request that is either done or not.
Reply<PropertyMap> clean_or_error(Reply<void> done) {
  return [done = std::move(done)](const Result<PropertyMap>& result) {
    if (!result) return done.refuse(result.error());
    const auto verdict = result->find("verdict");
    if (verdict == result->end())
      return done.refuse(fail(Errc::kPeerGone, "the medium was pulled out").error());
    if (std::get<std::string>(verdict->second) == "clean") return done.give({});
    done.give(fail(Errc::kIo, "{}", std::get<std::string>(result->at("summary"))));
  };
}

}  // namespace

void VolumeService::check(Call call, std::string volume, Reply<PropertyMap> result) {
  start_check({.operation = CheckOperation::kCheck, .type = {}, .label = {}}, std::move(call),
              std::move(volume), accept(std::move(result)));
}

void VolumeService::repair(Call call, std::string volume, Reply<PropertyMap> result) {
  start_check({.operation = CheckOperation::kRepair, .type = {}, .label = {}}, std::move(call),
              std::move(volume), accept(std::move(result)));
}

void VolumeService::set_label(Call call, std::string volume, std::string label, Reply<void> done) {
  start_check({.operation = CheckOperation::kLabel, .type = {}, .label = std::move(label)},
              std::move(call), std::move(volume), accept(clean_or_error(std::move(done))));
}

void VolumeService::format(Call call, std::string volume, std::string type, std::string label,
                           Reply<void> done) {
  start_check(
      {.operation = CheckOperation::kFormat, .type = std::move(type), .label = std::move(label)},
      std::move(call), std::move(volume), accept(clean_or_error(std::move(done))));
}

void VolumeService::start_check(CheckRequest request, Call call, std::string volume,
                                Reply<PropertyMap> answer) {
  const auto wanted = std::make_shared<CheckRequest>(std::move(request));
  handle(
      {.call = std::move(call),
       .volume = std::move(volume),
       .needs = [this, wanted](VolumeMachine& machine,
                               const CallerFacts& caller) -> Result<std::vector<std::string>> {
         const Volume& now = machine.volume();
         if (now.mount && !now.death) return fail(Errc::kBusy, "it is mounted: unmount it first");
         TRY_VOID(check_content(machine, *wanted));
         if (!can_start(machine, wanted->operation))
           return std::unexpected(machine.why_not(verb_for(wanted->operation)));
         if (now.device && releases_.releasing(now.device->drive))
           return fail(Errc::kBusy, "its drive is being ejected");
         TRY_VOID(check_unused(supervisor_.facts_of(now)));
         return required_actions("Volume", method_for(wanted->operation),
                                 authorization_facts(now, caller));
       },
       .act =
           [this, wanted, answer](VolumeMachine& machine, const CallerFacts& caller) {
             // The machine may be gone by then.
             machine.check(
                 *wanted, caller.user,
                 [this, answer, id = machine.volume().id](const Result<CheckReply>& reply) {
                   if (!reply) return answer.refuse(reply.error());
                   const VolumeMachine* checked = supervisor_.find(id);
                   const bool known = checked != nullptr && checked->volume().check;
                   answer.give(known ? check_properties(*checked->volume().check) : PropertyMap{});
                 });
           },
       .may_look = [](VolumeMachine& machine, const CallerFacts& caller) -> Result<void> {
         const Volume& now = machine.volume();
         const bool ignored = now.state == VolumeState::kIgnored;
         if (ignored && caller.user != 0)
           return fail(Errc::kNotPermitted, "it is left alone: {}", now.state_reason);
         return {};
       }},
      refuse_with(answer));
}

void VolumeService::check_log(Call call, std::string volume,
                              Reply<std::vector<std::string>> lines) {
  const auto answer = accept(std::move(lines));
  handle({.call = std::move(call),
          .volume = std::move(volume),
          .needs =
              [](VolumeMachine& machine, const CallerFacts& caller) {
                return required_actions("Volume", "GetCheckLog",
                                        authorization_facts(machine.volume(), caller));
              },
          .act =
              [answer](VolumeMachine& machine, const CallerFacts&) {
                std::vector<std::string> all;
                const auto& check = machine.volume().check;
                std::string_view text = check ? std::string_view(check->reply.log) : "";
                while (!text.empty()) all.push_back(showable(take_until(text, '\n')));
                answer.give(std::move(all));
              }},
         refuse_with(answer));
}

}  // namespace airlock
