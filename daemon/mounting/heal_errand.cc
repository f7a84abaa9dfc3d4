// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/heal_errand.h"

#include <sys/mount.h>

#include <utility>

#include "daemon/mount/contained_mount.h"
#include "daemon/mount/succession.h"
#include "daemon/mounting/check_errand.h"
#include "daemon/mounting/mount_errand.h"
#include "daemon/mounting/mount_report.h"

namespace airlock {
namespace {

DriverArguments arguments_for(const HealPlan& plan, const MountFacts& mount) {
  const MountDecision& decision = plan.decision;
  return {.flags = MS_NOSUID | MS_NODEV | MS_RDONLY |
                   (decision.allow_exec ? 0U : std::uint32_t{MS_NOEXEC}),
          .block = mount.fuseblk,
          .allow_other = decision.allow_other,
          .resume = true,
          .words = decision.driver_options,
          .user = decision.user,
          .group = decision.group};
}

DriverRun::Plan driver_plan(const HealPlan& plan, const DriverRow& row, const Medium& medium,
                            const MountFacts& mount) {
  const MountDecision& decision = plan.decision;
  const DriverArguments arguments = arguments_for(plan, mount);
  SessionPlan session;
  session.subtype = mount.subtype;
  session.medium_path = medium.path();
  session.mount_point = mount.mount_point;
  session.allow_fuseblk = mount.fuseblk;
  session.allow_other = decision.allow_other;
  session.forced_flags = arguments.flags;
  session.user = decision.user;
  session.group = decision.group;
  session.offers_live_state = true;
  session.resumes = true;
  session.deadlines = plan.deadlines;
  return {.row = row,
          .medium_in_memory = medium.memory_bytes(),
          .arguments = arguments,
          .session = std::move(session),
          .places = plan.places,
          .on_driver = {}};
}

// The kernel holds the device of a fuseblk mount. The claim on any other medium ended with the
// driver, and the successor takes it again.
Result<Medium> medium_of(const HealPlan& plan, const MountFacts& mount) {
  TRY(auto medium, take_source(plan.source, MediumAccess::kReadOnly));
  if (mount.fuseblk) {
    medium.read_beside_kernel();
    return medium;
  }
  TRY_VOID(medium.claim(MediumHold::kOurs));
  return medium;
}

}  // namespace

Result<ErrandReport> do_heal(const HealPlan& plan, const MountFacts& mount,
                             const Lifeline& lifeline) {
  TRY(const DriverRow* row, chosen_driver(plan.decision));
  TRY(auto medium, medium_of(plan, mount));
  Succession succession(medium, lifeline);
  TRY(auto driver, DriverRun(driver_plan(plan, *row, medium, mount), succession).run());
  LiveMount live;
  static_cast<MountFacts&>(live) = mount;
  TRY_VOID(describe_driver(live, driver, *row));
  if (driver.worker) driver.worker->let_go();
  return pack_live_mount(std::move(live));
}

}  // namespace airlock
