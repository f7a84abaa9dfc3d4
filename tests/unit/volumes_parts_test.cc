// SPDX-License-Identifier: GPL-2.0-or-later
// The small parts of the core on their own.
#include "daemon/volumes/properties.h"
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

TEST(CoreStates, EveryStateHasItsWordAndCanBePulledOut) {
  std::set<std::string_view> words;
  for (const VolumeState state : kAllVolumeStates) {
    words.insert(state_name(state));
    EXPECT_EQ(may_become(state, VolumeState::kGone), state != VolumeState::kGone);
  }
  EXPECT_EQ(words.size(), kAllVolumeStates.size());
}

TEST(CoreStates, OthersMayMountWhateverIsThere) {
  for (const VolumeState state : kAllVolumeStates)
    EXPECT_EQ(may_become(state, VolumeState::kMounted),
              state != VolumeState::kMounted && state != VolumeState::kGone)
        << state_name(state);
}

TEST(CoreStates, OnlyWhatWasMountedDies) {
  for (const VolumeState state : kAllVolumeStates)
    EXPECT_EQ(may_become(state, VolumeState::kDead),
              state == VolumeState::kMounted || state == VolumeState::kUnmounting)
        << state_name(state);
}

TEST(CoreStates, WhatIsGoneStaysGone) {
  for (const VolumeState state : kAllVolumeStates)
    EXPECT_FALSE(may_become(VolumeState::kGone, state)) << state_name(state);
}

TEST(CoreText, WhatIsShownIsOnePrintableLine) {
  EXPECT_EQ(showable("Größe 日本 😀"), "Größe 日本 😀");
  EXPECT_EQ(showable("a\nb\x7f"), "a\uFFFDb\uFFFD");
  EXPECT_EQ(showable("\xff\xc3"), "\uFFFD\uFFFD");
  EXPECT_EQ(showable("\xc0\xaf"), "\uFFFD\uFFFD") << "no overlong forms";
  EXPECT_EQ(showable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD") << "no surrogates";
  EXPECT_EQ(showable("\u202egnp\u2066"), "\uFFFD\uFFFD\uFFFDgnp\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(showable("\xc2\x9b"), "\uFFFD\uFFFD") << "no C1 controls";
  EXPECT_EQ(showable("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
}

TEST(CoreProperties, OnlyWhatDiffersIsTold) {
  Volume volume;
  volume.id = "sdb1";
  const PropertyMap before = volume_properties(volume);
  volume.state_reason = "because";
  const PropertyMap changed = changed_properties(before, volume_properties(volume));
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(std::get<std::string>(changed.at("StateReason")), "because");
}

TEST(CoreReply, TheFirstAnswerCountsAndOneAlwaysComes) {
  Asked<int> asked;
  {
    const Reply<int> answer = asked.reply();
    const Reply<int> copy = answer;
    answer.give(1);
    copy.give(2);
    answer.refuse({});
  }
  EXPECT_EQ(*asked.result(), 1);
  Asked<int> dropped;
  {
    const Reply<int> answer = dropped.reply();
  }
  EXPECT_EQ(dropped.code(), Errc::kPeerGone);
}

TEST(CoreReply, WhatIsAttachedIsHeldUntilTheAnswer) {
  Asked<int> asked;
  const Reply<int> answer = asked.reply();
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  answer.attach(std::move(held));
  EXPECT_FALSE(watched.expired());
  answer.give(1);
  EXPECT_TRUE(watched.expired());
}

TEST(CoreIdle, NeverMeansNever) {
  auto loop = std::move(*EventLoop::create());
  int calls = 0;
  Idle idle(loop, std::chrono::milliseconds{0}, [&] { ++calls; });
  idle.start();
  (void)loop.run_once(std::chrono::milliseconds{50});
  EXPECT_EQ(calls, 0);
}

TEST(CoreIdle, ATokenMayOutliveWhatItCameFrom) {
  auto loop = std::move(*EventLoop::create());
  Idle::Token token;
  {
    Idle idle(loop, std::chrono::milliseconds{1}, [] { FAIL(); });
    idle.start();
    token = idle.hold();
  }
  token = {};
  (void)loop.run_once(std::chrono::milliseconds{20});
}

}  // namespace
}  // namespace airlock
