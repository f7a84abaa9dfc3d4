// SPDX-License-Identifier: GPL-2.0-or-later
// Formatting volumes, with a worker that answers on request.
#include <optional>

#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

CheckReply formatted(CheckVerdict verdict = CheckVerdict::kClean) {
  return {.verdict = verdict, .changed = true, .checker = {}, .summary = "so it is", .log = {}};
}

class CoreFormat : public CoreWorld {
 protected:
  void begin() {
    Settings settings;
    settings.automount.value = Automount::kOff;
    rules.replace(settings);
    sessions.log_in(kAnna, "anna");
    start();
    plug("sdb");
    settle();
  }
  Asked<void> format(const std::string& sender, const std::string& volume = "sdb1",
                     const std::string& type = "exfat", const std::string& label = "NEW") {
    Asked<void> asked;
    manager->format(call_of(sender), volume, type, label, asked.reply());
    settle();
    return asked;
  }
  // Refused to everybody, before anybody is asked and anything is written.
  std::optional<Errc> refusal(const std::string& volume) {
    const auto asked = format(root, volume);
    EXPECT_EQ(authority.open(), 0U);
    EXPECT_TRUE(checking.asked().empty());
    return asked.code();
  }
  // As after the worker is done: the medium holds this.
  void put(const std::string& type, const std::string& label) {
    ProbeRecord record = ext4(label);
    record.type = type;
    if (type.empty()) record = {};
    prober.put("/dev/sdb1", record);
  }
};

TEST_F(CoreFormat, WhatWasMadeIsToldWhenItAnswers) {
  begin();
  const auto asked = format(anna);
  ASSERT_EQ(checking.running(), 1U);
  const CheckRequest& request = checking.asked().front().request;
  EXPECT_EQ(request, (CheckRequest{CheckOperation::kFormat, "exfat", "NEW"}));
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), "being formatted");
  EXPECT_EQ(format(root).code(), Errc::kBusy);
  put("exfat", "NEW");
  checking.answer(formatted());
  settle();
  EXPECT_TRUE(asked.succeeded());
  EXPECT_EQ(publisher.text("sdb1", "Type"), "exfat");
  EXPECT_EQ(publisher.text("sdb1", "Label"), "NEW");
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), "formatted");
  expect_quiet();
}

TEST_F(CoreFormat, WhatHoldsNothingCanBeFormatted) {
  begin();
  put("", "");
  manager->supervisor().find("sdb1")->probe(std::nullopt, {});
  settle();
  const auto asked = format(anna);
  ASSERT_EQ(checking.running(), 1U);
  checking.answer(formatted());
  settle();
  EXPECT_TRUE(asked.succeeded());
}

TEST_F(CoreFormat, AFailureIsAnErrorAndTheReason) {
  begin();
  const auto asked = format(anna);
  put("", "");
  checking.answer(formatted(CheckVerdict::kErrors));
  settle();
  EXPECT_EQ(asked.code(), Errc::kIo);
  EXPECT_EQ(publisher.text("sdb1", "Type"), "");
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), "formatting it failed: so it is");
}

TEST_F(CoreFormat, WhatIsCancelledIsErasedBeforeAnythingElseHappens) {
  begin();
  const auto asked = format(anna);
  (void)cancel(anna, publisher.jobs.begin()->first);
  settle();
  EXPECT_EQ(asked.code(), Errc::kCancelled);
  ASSERT_EQ(checking.running(), 1U);
  EXPECT_EQ(checking.asked().back().request.operation, CheckOperation::kErase);
  EXPECT_EQ(mount(anna, "sdb1").code(), Errc::kBusy);
  put("", "");
  checking.answer(formatted());
  settle();
  EXPECT_EQ(publisher.text("sdb1", "Type"), "");
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), "formatting it was cancelled");
  expect_quiet();
}

TEST_F(CoreFormat, AMediumPulledOutWhileItIsErasedIsGone) {
  begin();
  const auto asked = format(anna);
  (void)cancel(anna, publisher.jobs.begin()->first);
  settle();
  devices.unplug("sdb");
  settle();
  EXPECT_EQ(asked.code(), Errc::kCancelled);
  expect_quiet();
}

TEST_F(CoreFormat, NobodyFormatsWhatBelongsToTheSystem) {
  begin();
  devices.change("sdb1", [](Device& device) { device.system_reason = "/etc/fstab names it"; });
  settle();
  EXPECT_EQ(refusal("sdb1"), Errc::kNotPermitted);
}

TEST_F(CoreFormat, ADriveWithPartitionsIsNotFormatted) {
  begin();
  EXPECT_EQ(refusal("sdb"), Errc::kWrongFormat);
}

TEST_F(CoreFormat, WhatTheKernelUsesOrProtectsIsNotFormatted) {
  begin();
  devices.change("sdb1", [](Device& device) { device.users = {"swap"}; });
  settle();
  EXPECT_EQ(refusal("sdb1"), Errc::kBusy);
  devices.change("sdb1", [](Device& device) {
    device.users.clear();
    device.read_only = true;
  });
  settle();
  EXPECT_EQ(refusal("sdb1"), Errc::kReadOnly);
}

TEST_F(CoreFormat, AMountedMediumIsNotFormatted) {
  begin();
  (void)mount(anna, "sdb1");
  settle();
  EXPECT_EQ(refusal("sdb1"), Errc::kBusy);
}

TEST_F(CoreFormat, WaitingForPolkitItMayBeMounted) {
  begin();
  authority.set("org.airlock1.format", FakeAuthority::Says::kNothingYet);
  const auto asked = format(anna);
  (void)mount(anna, "sdb1");
  settle();
  authority.answer(/*yes=*/true);
  settle();
  EXPECT_EQ(asked.code(), Errc::kBusy);
  EXPECT_TRUE(checking.asked().empty());
}

}  // namespace
}  // namespace airlock
