// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>

#include <fstream>

#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

class CoreImage : public CoreWorld {
 protected:
  void SetUp() override {
    sessions.log_in(kAnna, "anna");
    start();
    path = folder + "/stick.img";
    std::ofstream(path) << std::string(4096, 'x');
  }

  Asked<std::string> open(const std::string& sender, int flags = O_RDONLY,
                          const std::string& name = "stick.img") {
    prober.put(name, ext4("IMAGE"));
    Asked<std::string> asked;
    const auto sent = handovers.put(sender, UniqueFd(::open(path.c_str(), flags | O_CLOEXEC)));
    manager->open_image(call_of(sender), sent, name, asked.reply());
    EXPECT_TRUE(wait_for([&] { return asked.answered(); }));
    settle();
    return asked;
  }

  std::string path;
};

TEST_F(CoreImage, AnImageIsMountedForItsOpenerAndClosesWhenNobodyNeedsIt) {
  const auto opened = open(anna);
  ASSERT_EQ(opened.message(), "ok");
  EXPECT_EQ(*opened.result(), "image1");
  EXPECT_EQ(publisher.state("image1"), "available");
  EXPECT_EQ(publisher.text("image1", "Kind"), "image");
  EXPECT_EQ(std::get<std::uint64_t>(publisher.volumes["image1"].at("Size")), 4096U);
  const auto mounted = mount(anna, "image1", {.mount_options = "rw"});
  settle();
  ASSERT_EQ(mounted.message(), "ok");
  EXPECT_TRUE(mounting.find("stick.img")->decision.read_only);

  callers.leave(anna);
  settle();
  EXPECT_EQ(publisher.state("image1"), "mounted") << "a mount stays";
  const auto done = unmount(":1000.2", "image1");
  settle();
  EXPECT_EQ(done.message(), "ok");
  EXPECT_TRUE(publisher.volumes.empty());
  expect_quiet();
}

TEST_F(CoreImage, AnImageNobodyMountedClosesWithItsOpener) {
  open(anna);
  callers.leave(anna);
  settle();
  EXPECT_TRUE(publisher.volumes.empty());
}

TEST_F(CoreImage, OfWhoeverMayNotMountImagesNoneIsExamined) {
  authority.set("org.airlock1.mount-image", FakeAuthority::Says::kNo);
  ASSERT_EQ(open(anna).message(), "ok");
  EXPECT_EQ(authority.asked().back().interaction, Interaction::kNotAllowed) << "nobody is bothered";
  EXPECT_EQ(publisher.state("image1"), "available");
  const auto mounted = mount(anna, "image1");
  settle();
  EXPECT_EQ(mounted.code(), Errc::kNotPermitted) << mounted.message();
  EXPECT_TRUE(prober.asked().empty());
  // An administrator's password, say.
  authority.set("org.airlock1.mount-image", FakeAuthority::Says::kYes);
  const auto again = mount(anna, "image1");
  settle();
  EXPECT_EQ(again.message(), "ok");
  EXPECT_EQ(prober.asked().size(), 1U);
}

TEST_F(CoreImage, AnImageWhoseOpenerLeavesWhilePolkitIsAskedIsNotKept) {
  authority.set("org.airlock1.mount-image", FakeAuthority::Says::kNothingYet);
  prober.put("stick.img", ext4("IMAGE"));
  Asked<std::string> asked;
  const auto sent = handovers.put(anna, UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  manager->open_image(call_of(anna), sent, "stick.img", asked.reply());
  ASSERT_TRUE(wait_for([&] { return authority.open() == 1; }));
  callers.leave(anna);
  settle();
  EXPECT_TRUE(asked.answered());
  EXPECT_EQ(authority.withdrawn(), 1U);
  EXPECT_TRUE(publisher.volumes.empty());
}

TEST_F(CoreImage, OpenForWritingIsMountedForWriting) {
  open(anna, O_RDWR);
  EXPECT_FALSE(std::get<bool>(publisher.volumes["image1"].at("WriteProtected")));
  const auto mounted = mount(anna, "image1", {.mount_options = "rw"});
  settle();
  EXPECT_EQ(mounted.message(), "ok");
  EXPECT_FALSE(mounting.find("stick.img")->decision.read_only);
}

TEST_F(CoreImage, OnlyFilesThatCanBeReadAreImages) {
  EXPECT_EQ(open(anna, O_WRONLY).code(), Errc::kInvalidArgument);
  EXPECT_EQ(open(anna, O_PATH).code(), Errc::kInvalidArgument);
  path = folder;
  EXPECT_EQ(open(anna).code(), Errc::kInvalidArgument) << "a directory";
  path = "/dev/zero";
  EXPECT_EQ(open(anna).code(), Errc::kInvalidArgument) << "a device";
  path = folder + "/empty";
  std::ofstream{path};
  EXPECT_EQ(open(anna).code(), Errc::kWrongFormat);
  EXPECT_TRUE(publisher.volumes.empty());
  expect_quiet();
}

TEST_F(CoreImage, EverybodyHasRoomForSoManyAndNoMore) {
  Settings settings;
  settings.limits.images_per_user = 3;
  rules.replace(settings);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open(anna).message(), "ok");
  EXPECT_EQ(open(anna).code(), Errc::kLimitExceeded);
  EXPECT_EQ(open(":1000.9").code(), Errc::kLimitExceeded) << "the same person";
  EXPECT_EQ(open(bela).message(), "ok");
  EXPECT_EQ(eject(anna, "image2").message(), "ok");
  EXPECT_EQ(open(anna).message(), "ok");
}

TEST_F(CoreImage, OpeningManyAtOnceDoesNotGetAroundTheLimit) {
  Settings settings;
  settings.limits.images_per_user = 3;
  rules.replace(settings);
  std::vector<Asked<std::string>> asked(8);
  for (auto& one : asked)
    manager->open_image(call_of(anna),
                        handovers.put(anna, UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))),
                        "x", one.reply());
  EXPECT_TRUE(wait_for(
      [&] { return std::ranges::all_of(asked, [](const auto& one) { return one.answered(); }); }));
  EXPECT_EQ(std::ranges::count_if(asked, [](const auto& one) { return one.succeeded(); }), 3);
  EXPECT_EQ(publisher.volumes.size(), 3U);
}

TEST_F(CoreImage, SomebodyElsesImageIsNotForMe) {
  open(anna);
  EXPECT_EQ(mount(bela, "image1").code(), Errc::kNotPermitted);
  authority.set("org.airlock1.unmount-others", FakeAuthority::Says::kNo);
  EXPECT_EQ(eject(bela, "image1").code(), Errc::kNotPermitted);
}

TEST_F(CoreImage, EjectingAMountedImageUnmountsAndClosesIt) {
  open(anna);
  mount(anna, "image1");
  settle();
  const auto done = eject(anna, "image1");
  settle();
  EXPECT_EQ(done.message(), "ok");
  EXPECT_TRUE(publisher.volumes.empty());
  EXPECT_TRUE(mounting.mounts().empty());
}

TEST_F(CoreImage, ADeadImageMountIsRecoveredFromTheSameDescriptor) {
  open(anna);
  mount(anna, "image1");
  settle();
  mounting.die("stick.img");
  const auto back = recover(anna, "image1", "read-only");
  settle();
  EXPECT_EQ(back.message(), "ok");
}

TEST_F(CoreImage, TheNameIsShownWithoutWhatCouldSteerATerminal) {
  open(anna, O_RDONLY, "a\033[31mb\ncd");
  EXPECT_EQ(publisher.text("image1", "Model"), "a\uFFFD[31mb\uFFFDcd");
}

TEST_F(CoreImage, WhoLeavesWhileTheImageIsCheckedLeavesNothingBehind) {
  Asked<std::string> asked;
  manager->open_image(call_of(anna),
                      handovers.put(anna, UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))),
                      "x", asked.reply());
  callers.leave(anna);
  EXPECT_TRUE(asked.answered());
  (void)wait_for([&, end = std::chrono::steady_clock::now() + 200ms] {
    return std::chrono::steady_clock::now() > end;
  });
  EXPECT_TRUE(publisher.volumes.empty());
}

}  // namespace
}  // namespace airlock
