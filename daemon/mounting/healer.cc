// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/healer.h"

#include <utility>
#include <vector>

#include "daemon/mounting/heal_errand.h"
#include "daemon/mounting/mount_report.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kWithin = 60s;
// Programs that use the mount wait meanwhile, and some cannot be killed.
constexpr auto kLongestPause = 10s;

}  // namespace

Healer::Healer(MountingTools& tools, LiveMount& mount)
    : tools_(tools), mount_(mount), plan_(std::move(mount.heal_plan)) {
  if (plan_ && mount.lifeline.holds())
    lifeline_ = std::make_shared<Lifeline>(std::exchange(mount.lifeline, {}));
}

bool Healer::within_budget(Time now) {
  while (!deaths_.empty() && now - deaths_.front() > kWithin) deaths_.pop_front();
  return deaths_.size() < tools_.options.heals_per_minute;
}

bool Healer::can_heal(const DriverDeath& death) {
  if (!lifeline_ || errand_ || !within_budget(std::chrono::steady_clock::now())) return false;
  if (death.kind == "flood") return false;
  // A driver that calls what its filter forbids has been taken over. Once it may be chance.
  return death.kind != "forbidden-call" || !std::exchange(healed_an_attack_, true);
}

void Healer::heal(Done done) {
  deaths_.push_back(std::chrono::steady_clock::now());
  std::vector<BorrowedFd> keep = {lifeline_->fuse_device.borrow(), lifeline_->live_state.borrow()};
  const auto& image = plan_->source.image;
  if (image) keep.push_back(image->keeper());
  errand_ = tools_.mounting.run(
      "replace the driver of " + quote(mount_.mount_point),
      {.deadline = kLongestPause, .lender = lender_of(image)}, keep,
      [plan = plan_, mount = mount_, lifeline = lifeline_] {
        return do_heal(*plan, mount, *lifeline);
      },
      [this, done = std::move(done)](Result<ErrandReport> report) mutable {
        const auto ended = std::move(errand_);
        done(report ? unpack_live_mount(std::move(*report))
                    : std::unexpected(std::move(report).error()));
      });
}

void Healer::let_go() {
  errand_.reset();
  lifeline_.reset();
}

}  // namespace airlock
