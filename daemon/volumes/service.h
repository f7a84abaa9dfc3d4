// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/service.h"
#include "daemon/handover/handovers.h"
#include "daemon/loop/errand.h"
#include "daemon/loop/idle.h"
#include "daemon/people/authority.h"
#include "daemon/people/authorization.h"
#include "daemon/people/callers.h"
#include "daemon/volumes/release.h"
#include "daemon/volumes/requests.h"
#include "daemon/volumes/supervisor.h"

namespace airlock {

// Handles the requests of people and programs: looks the caller up, asks the policy which
// permissions the request needs and polkit for them, checks everything again, and then has the
// volume's machine carry it out. Each request gets exactly one answer. The supervisor, which this
// owns, does what happens automatically.
class VolumeService final : public Service {
 public:
  struct Parts {
    VolumeSupervisor::Parts volumes;
    Authority& authority;
    Callers& callers;
    Handovers& handovers;
    Idle& idle;
  };
  struct Options {
    VolumeSupervisor::Options volumes;
    std::string version;
    // Where list_drivers() looks: services first, then programs.
    std::vector<std::string> driver_directories;
    std::string program_directory;
  };

  VolumeService(Parts parts, Options options);
  VolumeService(const VolumeService&) = delete;
  VolumeService& operator=(const VolumeService&) = delete;
  ~VolumeService() override;

  // Finds the existing volumes and begins to follow changes. Call once, before there are callers.
  Result<void> start();

  [[nodiscard]] VolumeSupervisor& supervisor() { return supervisor_; }
  [[nodiscard]] std::size_t open_requests() const { return requests_.size(); }

  void prepare_handover(Call call, Reply<std::string> socket) override;
  void open_image(Call call, std::string handover, std::string name,
                  Reply<std::string> volume) override;
  void adopt_mount(Call call, MountHandover mount, Reply<std::string> volume) override;
  void mount_at(Call call, MountThere wanted, Reply<std::string> volume) override;
  void find_volume(Call call, std::string device, Reply<std::string> volume) override;
  void explain(Call call, std::string device, Reply<PropertyMap> explanation) override;
  void list_drivers(Call call, Reply<std::vector<PropertyMap>> drivers) override;
  void set_automount(Call call, std::string mode, Reply<void> done) override;
  void settings(Call call, Reply<PropertyMap> settings) override;

  void mount(Call call, std::string volume, Reply<std::string> mount_point) override;
  void unmount(Call call, std::string volume, Reply<void> done) override;
  void eject(Call call, std::string volume, Reply<void> done) override;
  void power_off(Call call, std::string volume, Reply<void> done) override;
  void recover(Call call, std::string volume, std::string mode,
               Reply<std::string> mount_point) override;
  void detach(Call call, std::string volume, Reply<void> done) override;
  void users(Call call, std::string volume, Reply<std::vector<UserOfMount>> users) override;
  void log_lines(Call call, std::string volume, Reply<std::vector<std::string>> lines) override;
  void containment(Call call, std::string volume, Reply<std::string> report) override;
  void check(Call call, std::string volume, Reply<PropertyMap> result) override;
  void repair(Call call, std::string volume, Reply<PropertyMap> result) override;
  void set_label(Call call, std::string volume, std::string label, Reply<void> done) override;
  void format(Call call, std::string volume, std::string type, std::string label,
              Reply<void> done) override;
  void check_log(Call call, std::string volume, Reply<std::vector<std::string>> lines) override;

  void cancel(Call call, std::string job, Reply<void> done) override;
  void skip(Call call, std::string job, Reply<void> done) override;
  void caller_gone(const std::string& sender) override;

 private:
  // The actions that a request needs, or why it can't be done. Called again after every answer from
  // polkit.
  using ActionsNeeded =
      std::move_only_function<Result<std::vector<std::string>>(VolumeMachine&, const CallerFacts&)>;
  using Act = std::move_only_function<void(VolumeMachine&, const CallerFacts&)>;
  // A request that concerns one volume, from the call to the act.
  struct VolumeRequest {
    Call call;
    std::string volume;
    ActionsNeeded needs;
    Act act;
    // Given if the request depends on the contents of the medium: whether this caller may have it
    // examined.
    std::move_only_function<Result<void>(VolumeMachine&, const CallerFacts&)> may_look = {};
  };
  // The latest decision about a mount.
  struct MountPlan {
    Call call;
    Decision decision;
    bool join = false;  // the same mount is being made already
  };

  using Finished = std::function<void()>;

  // airlockd stays until the request is answered.
  template <typename T>
  Reply<T> accept(Reply<T> reply) {
    reply.attach(std::make_shared<Idle::Token>(parts_.idle.hold()));
    return reply;
  }

  void handle(VolumeRequest request, Requests::Failed failed);
  void permit(Requests::Id id, VolumeRequest request);
  void examine(Requests::Id id, VolumeRequest request, const CallerFacts& caller);
  Result<Permission> look_permission(VolumeRequest& request, const CallerFacts& caller);
  void look(Requests::Id id, const std::shared_ptr<VolumeRequest>& request,
            const CallerFacts& caller);
  bool when_examined(const std::string& volume, std::move_only_function<void()> go_on);
  Result<Permission> permission(VolumeRequest& request, const CallerFacts& caller);

  Result<std::vector<std::string>> decide_mount(MountPlan& plan, VolumeMachine& machine,
                                                const CallerFacts& caller);
  Result<std::string> volume_of_device(const std::string& device);
  void mount_there(Call call, MountThere wanted, std::shared_ptr<HeldFile> place,
                   const Reply<std::string>& answer);
  void give_prepared(Requests::Id id, Result<std::string> prepared,
                     const Reply<std::string>& answer);
  void adopt_with(const MountHandover& handed, std::vector<HandedFile> files,
                  const Reply<std::string>& answer);
  static void show_refusal(VolumeMachine& machine, const Error& why);
  Result<std::vector<std::string>> decide_recovery(MountPlan& plan, VolumeMachine& machine,
                                                   const CallerFacts& caller);
  Result<void> may_look(MountPlan& plan, VolumeMachine& machine, const CallerFacts& caller);
  Result<std::vector<std::string>> apply_policy(MountPlan& plan, Facts facts,
                                                const CallerFacts& caller);
  Result<std::vector<std::string>> release_needs(DriveReleases::Kind kind, bool force,
                                                 VolumeMachine& machine, const CallerFacts& caller);
  void release(DriveReleases::Kind kind, Call call, std::string volume, Reply<void> done);
  using JobChange = Result<void> (JobTable::*)(const std::string& id);
  void change_job(std::string_view method, JobChange change, Call call, std::string job,
                  Reply<void> done);
  Result<Ownership> ownership_of_job(std::string_view method, const std::string& job, uid_t user);
  void close_image(VolumeMachine& machine, const CallerFacts& caller, bool forced,
                   Reply<void> answer);
  void answer_unmount(const std::string& volume, UnmountForce force,
                      Result<Mounting::UnmountResult> result, const Reply<void>& answer);
  void explain_busy(const std::string& volume, Error error,
                    std::move_only_function<void(Error)> explained);
  void start_check(CheckRequest request, Call call, std::string volume, Reply<PropertyMap> answer);
  void measure(pid_t driver, Reply<std::string> answer);
  void check_opened(Requests::Id id, VolumeImage image, Reply<std::string> answer);
  Result<void> may_open_one_more(uid_t owner);
  void show_image(Requests::Id id, VolumeImage image, Reply<std::string> answer, bool examine);
  // Runs an errand of ours, and keeps it until it says that it has finished.
  void run(std::move_only_function<Result<Errand>(Finished)> start,
           std::move_only_function<void(Error)> failed);
  [[nodiscard]] std::size_t images_of(uid_t user);
  [[nodiscard]] VolumeRules::Limits limits() const { return parts_.volumes.rules.limits(); }
  [[nodiscard]] std::string origin_of(const std::vector<std::string>& types) const;
  std::optional<Facts> facts_of(const std::string& device);
  void review();

  Parts parts_;
  Options options_;
  Idle::Token busy_;
  // The machines make their last calls to these two.
  Requests requests_;
  DriveReleases releases_;
  VolumeSupervisor supervisor_;
  std::map<std::uint64_t, Errand> errands_;
  std::uint64_t last_errand_ = 0;
};

}  // namespace airlock
