// SPDX-License-Identifier: GPL-2.0-or-later
// Which deaths get a successor; tests/daemon/test_heal.py has the successors themselves.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <optional>

#include "daemon/mounting/heal_errand.h"
#include "daemon/mounting/healer.h"

namespace airlock {
namespace {

class HealerTest : public testing::Test {
 protected:
  HealerTest() : loop_(EventLoop::create().value()) {}

  static UniqueFd nothing() { return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }
  static LiveMount mount() {
    LiveMount live;
    live.mount_point = "/nowhere";
    live.lifeline = {.fuse_device = nothing(), .live_state = nothing()};
    HealPlan plan;
    plan.source.path = "/nowhere/medium";
    plan.decision.subtype = "ext4";
    live.heal_plan = std::make_shared<HealPlan>(plan);
    return live;
  }
  Healer& healer(std::size_t heals_per_minute = 3) {
    MountingOptions options;
    options.heals_per_minute = heals_per_minute;
    tools_.emplace(loop_, options);
    LiveMount live = mount();
    healer_.emplace(*tools_, live);
    EXPECT_FALSE(live.lifeline.holds()) << "it was taken";
    return *healer_;
  }
  // Nothing can go on here: there is no such medium.
  Result<LiveMount> heal(Healer& healer) {
    std::optional<Result<LiveMount>> result;
    healer.heal([&](Result<LiveMount> mount) { result = std::move(mount); });
    EXPECT_TRUE(healer.is_healing());
    while (!result) (void)loop_.run_once(std::chrono::milliseconds(20));
    return std::move(*result);
  }

  EventLoop loop_;
  std::optional<MountingTools> tools_;
  std::optional<Healer> healer_;
};

DriverDeath death(const char* kind) {
  DriverDeath death;
  death.kind = kind;
  return death;
}

TEST_F(HealerTest, ASuccessorThatCannotStartIsAnError) {
  Healer& healer = this->healer();
  ASSERT_TRUE(healer.can_heal(death("signal")));
  const auto healed = heal(healer);
  ASSERT_FALSE(healed.has_value());
  EXPECT_EQ(healed.error().code, Errc::kNotFound);
  EXPECT_FALSE(healer.is_healing());
}

TEST_F(HealerTest, ADriverThatDiesTooOftenGetsNoOther) {
  Healer& healer = this->healer(2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(healer.can_heal(death("signal")));
    (void)heal(healer);
  }
  EXPECT_FALSE(healer.can_heal(death("signal")));
}

TEST_F(HealerTest, AForbiddenCallMayBeChanceOnce) {
  Healer& healer = this->healer();
  EXPECT_TRUE(healer.can_heal(death("forbidden-call")));
  EXPECT_FALSE(healer.can_heal(death("forbidden-call")));
  EXPECT_TRUE(healer.can_heal(death("signal")));
}

TEST_F(HealerTest, AnAttackOnTheKernelIsNotRepeated) {
  EXPECT_FALSE(healer().can_heal(death("flood")));
}

TEST_F(HealerTest, WithoutALifelineThereIsNothingToHealWith) {
  Healer& healer = this->healer();
  healer.let_go();
  EXPECT_FALSE(healer.can_heal(death("signal")));
  LiveMount without = mount();
  without.lifeline = {};
  EXPECT_FALSE(Healer(*tools_, without).can_heal(death("signal")));
}

}  // namespace
}  // namespace airlock
