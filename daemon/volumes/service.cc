// SPDX-License-Identifier: GPL-2.0-or-later
// Handles requests; has the methods of the whole daemon. service_volumes.cc has the methods of one
// volume, service_check.cc those of a volume that is not mounted.
#include "daemon/volumes/service.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/api/actions.h"
#include "daemon/launch/driver_table.h"
#include "daemon/places/adoption.h"
#include "daemon/volumes/request_details.h"
#include "daemon/volumes/request_image.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
VolumeService::VolumeService(Parts parts, Options options)
    : parts_(parts),
      options_(std::move(options)),
      requests_({.callers = parts.callers,
                 .sessions = parts.volumes.sessions,
                 .authority = parts.authority}),
      releases_({.supervisor = supervisor_,
                 .mounting = parts.volumes.mounting,
                 .devices = parts.volumes.devices,
                 .explain =
                     [this](const std::string& volume, Error error, auto explained) {
                       explain_busy(volume, std::move(error), std::move(explained));
                     }}),
      supervisor_(parts.volumes, options_.volumes,
                  {.on_removed = [this](const std::string& id,
                                        const Error& why) { requests_.volume_gone(id, why); },
                   .on_changed = [this] { review(); }}) {}

VolumeService::~VolumeService() {
  releases_.stop();
}

Result<void> VolumeService::start() {
  parts_.callers.on_gone([this](const std::string& sender) { caller_gone(sender); });
  parts_.volumes.sessions.on_change([this] { supervisor_.replay(); });
  parts_.volumes.rules.on_change([this] {
    supervisor_.replay();
    review();
  });
  TRY_VOID(supervisor_.start());
  review();
  return {};
}

// Updates the manager's properties, and whether there is a reason to stay.
void VolumeService::review() {
  const VolumeRules& rules = parts_.volumes.rules;
  const auto waiting = supervisor_.registry().count(VolumeState::kWaiting);
  parts_.volumes.publisher.set_manager({{"Version", options_.version},
                                        {"Automount", rules.automount()},
                                        {"Waiting", static_cast<std::uint32_t>(waiting)},
                                        {"SettingsProblem", rules.problem()}});
  if (supervisor_.reasons_to_stay() == 0 && supervisor_.jobs().size() == 0)
    busy_ = {};
  else if (!busy_.held())
    busy_ = parts_.idle.hold();
}

void VolumeService::caller_gone(const std::string& sender) {
  parts_.handovers.caller_gone(sender);
  requests_.caller_gone(sender);
  supervisor_.opener_left(sender);
}

void VolumeService::handle(VolumeRequest request, Requests::Failed failed) {
  const Call call = request.call;
  const std::string volume = request.volume;
  requests_.begin(
      call, volume, limits().requests_per_user, std::move(failed),
      [this, request = std::move(request)](Requests::Id id, const CallerFacts& caller) mutable {
        if (request.may_look)
          examine(id, std::move(request), caller);
        else
          permit(id, std::move(request));
      });
}

void VolumeService::permit(Requests::Id id, VolumeRequest request) {
  const auto shared = std::make_shared<VolumeRequest>(std::move(request));
  requests_.permit(
      id, [this, shared](const CallerFacts& caller) { return permission(*shared, caller); },
      [this, shared](const CallerFacts& caller) {
        // It was there a moment ago, when its needs were computed.
        if (VolumeMachine* machine = supervisor_.find(shared->volume))
          shared->act(*machine, caller);
      },
      [this, shared](std::move_only_function<void()> go_on) {
        return shared->may_look && when_examined(shared->volume, std::move(go_on));
      });
}

// A medium is examined again after it was closed from writing, perhaps while polkit is being asked.
bool VolumeService::when_examined(const std::string& volume,
                                  std::move_only_function<void()> go_on) {
  VolumeMachine* machine = supervisor_.find(volume);
  if (machine == nullptr || !machine->examining()) return false;
  machine->probe(std::nullopt,
                 [go_on = std::move(go_on)](const Result<void>&) mutable { go_on(); });
  return true;
}

Result<Permission> VolumeService::permission(VolumeRequest& request, const CallerFacts& caller) {
  VolumeMachine* machine = supervisor_.find(request.volume);
  if (machine == nullptr) return fail(Errc::kNotFound, "no volume {}", quote(request.volume));
  TRY(auto actions, request.needs(*machine, caller));
  return Permission{.actions = std::move(actions),
                    .details = details_of(machine->volume(), request.call.options.mount_options)};
}

// A request that depends on the contents of an unexamined medium begins by examining it. Whoever
// may not have it examined causes no look at it.
void VolumeService::examine(Requests::Id id, VolumeRequest request, const CallerFacts& caller) {
  VolumeMachine* machine = supervisor_.find(request.volume);
  const bool looking = machine != nullptr && machine->volume().state == VolumeState::kProbing;
  const bool unknown = machine != nullptr && !machine->volume().probe && !machine->volume().mount;
  if (!looking && (!unknown || machine->busy())) return permit(id, std::move(request));
  const auto shared = std::make_shared<VolumeRequest>(std::move(request));
  if (machine->examining()) return look(id, shared, caller);
  requests_.permit_first(
      id, [this, shared](const CallerFacts& now) { return look_permission(*shared, now); },
      [this, shared](Requests::Id permitted, const CallerFacts& now) {
        look(permitted, shared, now);
      });
}

Result<Permission> VolumeService::look_permission(VolumeRequest& request,
                                                  const CallerFacts& caller) {
  VolumeMachine* machine = supervisor_.find(request.volume);
  if (machine == nullptr) return fail(Errc::kNotFound, "no volume {}", quote(request.volume));
  TRY_VOID(request.may_look(*machine, caller));
  const Volume& volume = machine->volume();
  const Whereabouts whereabouts = authorization_facts(volume, caller).whereabouts;
  return Permission{.actions = {std::string(action_to_examine(whereabouts))},
                    .details = details_of(volume, request.call.options.mount_options)};
}

void VolumeService::look(Requests::Id id, const std::shared_ptr<VolumeRequest>& request,
                         const CallerFacts& caller) {
  VolumeMachine* machine = supervisor_.find(request->volume);
  if (machine == nullptr) return;
  if (auto may = request->may_look(*machine, caller); !may)
    return requests_.refuse(id, std::move(may).error());
  // Somebody else may have had it examined while polkit was asked.
  if (machine->volume().probe && !machine->examining()) return permit(id, std::move(*request));
  machine->probe(caller.user, [this, id, request](const Result<void>& outcome) {
    if (!outcome) return requests_.refuse(id, outcome.error());
    permit(id, std::move(*request));
  });
}

void VolumeService::prepare_handover(Call call, Reply<std::string> socket) {
  const auto answer = accept(std::move(socket));
  const std::string sender = call.sender;
  requests_.begin(std::move(call), "", limits().requests_per_user, refuse_with(answer),
                  [this, answer, sender](Requests::Id id, const CallerFacts& caller) {
                    parts_.handovers.prepare(sender, caller.user,
                                             [this, id, answer](Result<std::string> prepared) {
                                               give_prepared(id, std::move(prepared), answer);
                                             });
                  });
}

void VolumeService::give_prepared(Requests::Id id, Result<std::string> prepared,
                                  const Reply<std::string>& answer) {
  if (!prepared) return requests_.refuse(id, std::move(prepared).error());
  requests_.permit(
      id, [](const CallerFacts&) { return Permission{}; },
      [answer, socket = *std::move(prepared)](const CallerFacts&) { answer.give(socket); });
}

void VolumeService::open_image(Call call, std::string handover, std::string name,
                               Reply<std::string> volume) {
  const auto answer = accept(std::move(volume));
  VolumeImage opened{.name = image_name(name), .opener = call.sender};
  requests_.begin(std::move(call), "", limits().requests_per_user, refuse_with(answer),
                  [this, answer, handover = std::move(handover), opened = std::move(opened)](
                      Requests::Id id, const CallerFacts& caller) mutable {
                    opened.owner = caller.user;
                    const std::string sender = opened.opener;
                    parts_.handovers.take(sender, handover,
                                          [this, id, answer, opened = std::move(opened)](
                                              Result<std::vector<HandedFile>> files) mutable {
                                            if (!files)
                                              return requests_.refuse(id, std::move(files).error());
                                            opened.file = std::move(files->front().file);
                                            check_opened(id, std::move(opened), answer);
                                          });
                  });
}

std::size_t VolumeService::images_of(uid_t user) {
  const auto volumes = supervisor_.registry().all();
  return static_cast<std::size_t>(std::ranges::count_if(volumes, [&](const Volume* volume) {
    return volume->image && volume->image->owner == user;
  }));
}

void VolumeService::check_opened(Requests::Id id, VolumeImage image, Reply<std::string> answer) {
  const FileFacts& facts = image.file->facts();
  if (auto fit = require_image(facts); !fit) return requests_.refuse(id, std::move(fit).error());
  image.writable = (facts.flags & O_ACCMODE) == O_RDWR;
  image.size = facts.size;
  if (auto may = may_open_one_more(image.owner); !may)
    return requests_.refuse(id, std::move(may).error());
  // Whoever may not mount images may have one open, but nothing of it is examined before they may.
  requests_.find_out(id, std::string(actions::kMountImage),
                     [this, id, answer, image = std::move(image)](bool allowed) mutable {
                       show_image(id, std::move(image), answer, allowed);
                     });
}

Result<void> VolumeService::may_open_one_more(uid_t owner) {
  const std::size_t most = limits().images_per_user;
  if (owner == 0 || images_of(owner) < most) return {};
  return fail(Errc::kLimitExceeded, "you have {} images open already", most);
}

void VolumeService::show_image(Requests::Id id, VolumeImage image, Reply<std::string> answer,
                               bool examine) {
  requests_.permit(
      id,
      [this, owner = image.owner](const CallerFacts&) -> Result<Permission> {
        TRY_VOID(may_open_one_more(owner));  // other calls may have come first
        return Permission{};
      },
      [this, answer = std::move(answer), image = std::move(image),
       examine](const CallerFacts&) mutable {
        const auto look = examine ? VolumeSupervisor::Look::kNow : VolumeSupervisor::Look::kLater;
        answer.give(supervisor_.add_image(std::move(image), look).volume().id);
      });
}

void VolumeService::run(std::move_only_function<Result<Errand>(Finished)> start,
                        std::move_only_function<void(Error)> failed) {
  const std::uint64_t number = ++last_errand_;
  auto errand = start([this, number] { errands_.erase(number); });
  if (!errand) return failed(std::move(errand).error());
  errands_.emplace(number, *std::move(errand));
}

void VolumeService::adopt_mount(Call call, MountHandover mount, Reply<std::string> volume) {
  const auto answer = accept(std::move(volume));
  const auto root_alone = [](const CallerFacts& caller) -> Result<Permission> {
    if (caller.user == 0) return Permission{};
    return fail(Errc::kNotPermitted, "only root may hand over mounts");
  };
  const auto handed = std::make_shared<const MountHandover>(std::move(mount));
  const std::string sender = call.sender;
  requests_.begin(std::move(call), "", limits().requests_per_user, refuse_with(answer),
                  [=, this](Requests::Id id, const CallerFacts&) {
                    requests_.permit(id, root_alone, [=, this](const CallerFacts&) {
                      parts_.handovers.take(
                          sender, handed->handover,
                          [this, answer, handed](Result<std::vector<HandedFile>> files) {
                            if (!files) return answer.refuse(std::move(files).error());
                            adopt_with(*handed, *std::move(files), answer);
                          });
                    });
                  });
}

void VolumeService::adopt_with(const MountHandover& handed, std::vector<HandedFile> files,
                               const Reply<std::string>& answer) {
  if (files.size() != 3)
    return answer.refuse(
        fail(Errc::kInvalidArgument, "a mount comes with 3 descriptors, not {}", files.size())
            .error());
  auto found = identify_handed_over(handed,
                                    {.driver = std::move(files[0].own),
                                     .log = std::move(files[1].own),
                                     .image = std::move(files[2].file)},
                                    options_.volumes.mountinfo);
  if (!found) return answer.refuse(std::move(found).error());
  answer.give(supervisor_.take_over(*std::move(found)));
}

void VolumeService::find_volume(Call /*call*/, std::string device, Reply<std::string> volume) {
  const auto answer = accept(std::move(volume));
  VolumeRegistry& registry = supervisor_.registry();
  if (const Volume* named = registry.find(device)) return answer.give(named->id);
  if (const Volume* mounted = registry.find_mounted_on(device)) return answer.give(mounted->id);
  const auto known = parts_.volumes.devices.find(device);
  if (!known) return answer.give(fail(Errc::kNotFound, "there is no device {}", quote(device)));
  if (const Volume* found = registry.find(known->number)) return answer.give(found->id);
  answer.give(fail(Errc::kNotFound, "{}: there is no medium inside", quote(device)));
}

std::optional<Facts> VolumeService::facts_of(const std::string& device) {
  const auto known = parts_.volumes.devices.find(device);
  const Volume* volume =
      known ? supervisor_.registry().find(known->number) : supervisor_.registry().find(device);
  if (volume == nullptr && !known) volume = supervisor_.registry().find_mounted_on(device);
  if (volume != nullptr) return supervisor_.facts_of(*volume);
  if (!known) return std::nullopt;
  Facts facts;
  facts.device = known;
  facts.session = parts_.volumes.sessions.at_seat(known->seat);
  return facts;
}

void VolumeService::explain(Call /*call*/, std::string device, Reply<PropertyMap> explanation) {
  const auto answer = accept(std::move(explanation));
  auto facts = facts_of(device);
  if (!facts) return answer.give(fail(Errc::kNotFound, "there is no device {}", quote(device)));
  facts->request.automatic = true;
  answer.give(parts_.volumes.rules.explain(*facts));
}

// Finds services by their sockets, like a mount does.
std::string VolumeService::origin_of(const std::vector<std::string>& types) const {
  for (const std::string& directory : options_.driver_directories)
    for (const std::string& type : types)
      if (::access((directory + "/" + type).c_str(), F_OK) == 0) return directory;
  return "builtin";
}

void VolumeService::list_drivers(Call /*call*/, Reply<std::vector<PropertyMap>> drivers) {
  const auto answer = accept(std::move(drivers));
  std::vector<PropertyMap> all;
  for (const DriverRow& row : driver_table()) {
    const auto types = split(row.subtypes, ' ');
    const std::string origin = origin_of(types);
    const std::string program = options_.program_directory + "/" + std::string(row.program);
    const bool complete =
        !options_.volumes.missing_for || options_.volumes.missing_for(row).empty();
    const bool available =
        origin != "builtin" || (::access(program.c_str(), X_OK) == 0 && complete);
    all.push_back({{"name", std::string(row.name)},
                   {"types", types},
                   {"program", std::string(row.is_adapted() ? row.runs : row.program)},
                   {"writes", row.can("write")},
                   {"available", available},
                   {"origin", origin}});
  }
  answer.give(std::move(all));
}

void VolumeService::settings(Call /*call*/, Reply<PropertyMap> settings) {
  accept(std::move(settings)).give(parts_.volumes.rules.describe());
}

void VolumeService::set_automount(Call call, std::string mode, Reply<void> done) {
  const auto answer = accept(std::move(done));
  if (mode != "on" && mode != "ask" && mode != "off")
    return answer.give(
        fail(Errc::kInvalidArgument, "automount is on, ask or off, not {}", quote(mode)));
  const auto needs = [mode](const CallerFacts&) -> Result<Permission> {
    TRY(auto actions, required_actions("Manager", "SetAutomount", {}));
    return Permission{.actions = std::move(actions), .details = {{"automount", mode}}};
  };
  requests_.begin(std::move(call), "", limits().requests_per_user, refuse_with(answer),
                  [this, answer, mode, needs](Requests::Id id, const CallerFacts&) {
                    requests_.permit(id, needs, [this, answer, mode](const CallerFacts&) {
                      answer.give(parts_.volumes.rules.switch_automount(mode));
                      review();
                    });
                  });
}

void VolumeService::cancel(Call call, std::string job, Reply<void> done) {
  change_job("Cancel", &JobTable::cancel, std::move(call), std::move(job), std::move(done));
}

void VolumeService::skip(Call call, std::string job, Reply<void> done) {
  change_job("Skip", &JobTable::skip, std::move(call), std::move(job), std::move(done));
}

// The user whom a mount is for may decide how it is made, though Airlock started it automatically.
Result<Ownership> VolumeService::ownership_of_job(std::string_view method, const std::string& job,
                                                  uid_t user) {
  TRY(const uid_t starter, supervisor_.jobs().started_by(job));
  if (starter == user) return Ownership::kCallers;
  TRY(const auto id, supervisor_.jobs().volume_of(job));
  const Volume* volume = supervisor_.registry().find(id);
  const bool for_user = method == "Skip" && volume != nullptr && volume->mounted_for == user;
  return for_user ? Ownership::kCallers : Ownership::kOthers;
}

void VolumeService::change_job(std::string_view method, JobChange change, Call call,
                               std::string job, Reply<void> done) {
  const auto answer = accept(std::move(done));
  const auto needs = [this, method, job](const CallerFacts& caller) -> Result<Permission> {
    TRY(const auto ownership, ownership_of_job(method, job, caller.user));
    TRY(auto actions, required_actions("Job", method, {.ownership = ownership}));
    return Permission{.actions = std::move(actions), .details = {{"job", job}}};
  };
  requests_.begin(std::move(call), "", limits().requests_per_user, refuse_with(answer),
                  [this, answer, job, change, needs](Requests::Id id, const CallerFacts&) {
                    requests_.permit(id, needs, [this, answer, job, change](const CallerFacts&) {
                      answer.give((supervisor_.jobs().*change)(job));
                    });
                  });
}

}  // namespace airlock
