// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "daemon/policy/explain.h"
#include "daemon/policy/facts.h"
#include "daemon/policy/policy.h"
#include "daemon/policy/settings_parse.h"

namespace airlock::policy_test {

// The drivers of the tests: one that writes, one that cannot, and a second one for ext4 behind the
// first.
inline constexpr auto kDrivers = std::to_array<DriverRow>({
    {"ext", "ext ext2 ext3 ext4", "airlock-ext", "write xattr", 64, 32, 4, ""},
    {"iso9660", "iso9660", "airlock-iso9660", "", 64, 32, 4, ""},
    {"other", "ext4", "airlock-other", "write", 64, 32, 4, ""},
    {"fat", "fat vfat", "airlock-fat", "write foreign", 64, 32, 4, ""},
    {"scribe", "befs", "airlock-adapter", "write", 64, 32, 4, "", "scribe", "scribe-tools"},
    {"lector", "bfs", "airlock-adapter", "", 64, 32, 4, "", "lector", "lector-tools"},
});

// Facts by the names used here. Begins as an ext4 stick that alice plugged in at her own seat,
// automatic.
class Medium {
 public:
  static Medium stick() {
    Medium medium;
    medium.facts_.device = Device{.name = "sdb1",
                                  .node = "/dev/sdb1",
                                  .kind = DeviceKind::kPartition,
                                  .vendor = "SanDisk ",
                                  .model = "Ultra",
                                  .serial = "4C53",
                                  .bus = "usb",
                                  .port = "pci-0000:00:14.0-usb-0:2:1.0",
                                  .seat = "seat0",
                                  .size = 64ull << 30,
                                  .removable = true};
    medium.holds("ext4");
    return medium;
  }
  // The same on a loop device.
  static Medium loop() {
    return stick()
        .device(&Device::kind, DeviceKind::kLoop)
        .device(&Device::vendor, std::string())
        .device(&Device::backing_file, std::string("/srv/sticks/2024/a b.img"));
  }
  static Medium image() {
    Medium medium;
    medium.facts_.image_name = "/home/alice/disk.img";
    medium.facts_.image_owner = 1000;
    medium.holds("ext4");
    return medium;
  }

  Medium& holds(std::string type) {
    facts_.probe = ProbeRecord{.type = std::move(type),
                               .label = "BACKUP",
                               .uuid = "1234-ABCD",
                               .usage = ProbeUsage::kFilesystem,
                               .state = MediumState::kClean};
    return *this;
  }
  Medium& not_probed() {
    facts_.probe.reset();
    return *this;
  }
  Medium& usage(ProbeUsage usage) {
    facts_.probe->usage = usage;
    return *this;
  }
  Medium& state(MediumState state) {
    facts_.probe->state = state;
    return *this;
  }
  Medium& label(std::string label) {
    facts_.probe->label = std::move(label);
    return *this;
  }
  template <typename T>
  Medium& device(T Device::* member, T value) {
    (*facts_.device).*member = std::move(value);
    return *this;
  }
  Medium& locked() {
    facts_.session.locked = true;
    return *this;
  }
  Medium& nobody() {
    facts_.session = {};
    return *this;
  }
  // alice is user 1000 at seat0, bob 1001 at seat1, carol 1002 is logged in from afar.
  Medium& alice(std::vector<std::string> options = {}) {
    return asked_by({1000, 1000, "alice", true, "seat0"}, std::move(options));
  }
  Medium& bob(std::vector<std::string> options = {}) {
    return asked_by({1001, 1001, "bob", true, "seat1"}, std::move(options));
  }
  Medium& carol(std::vector<std::string> options = {}) {
    return asked_by({1002, 1002, "carol", false, ""}, std::move(options));
  }
  Medium& root(std::vector<std::string> options = {}) {
    return asked_by({0, 0, "root", false, ""}, std::move(options));
  }
  Medium& asked_by(CallerFacts caller, std::vector<std::string> options) {
    facts_.request = {
        .automatic = false, .caller = std::move(caller), .options = std::move(options)};
    return *this;
  }
  Medium& as_type(std::string type) {
    facts_.request.type = std::move(type);
    return *this;
  }
  Medium& lacks(std::string program) {
    facts_.missing_program = std::move(program);
    return *this;
  }
  Medium& in_zone(int minutes) {
    facts_.zone_minutes = minutes;
    return *this;
  }
  Medium& without_fuseblk() {
    facts_.kernel_has_fuseblk = false;
    return *this;
  }
  Facts& facts() { return facts_; }
  [[nodiscard]] const Facts& facts() const { return facts_; }

 private:
  Medium() {
    facts_.session = {1000, 1000, "alice", true, false};
    facts_.request.automatic = true;
    facts_.kernel_has_fuseblk = true;
  }
  Facts facts_;
};

inline Settings settings_from(std::string_view text) {
  Settings settings;
  const auto parsed = parse_settings(text, "test.toml", settings, kDrivers);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return settings;
}

inline std::string describe_plan(const MountDecision& plan) {
  std::string text = fmt::format("{} by {} for {} at {}: {},{}", plan.subtype, plan.driver,
                                 plan.user_name, plan.folder_name, plan.read_only ? "ro" : "rw",
                                 plan.allow_exec ? "exec" : "noexec");
  if (plan.allow_other) text += ",allow_other";
  for (const std::string& option : plan.driver_options) text += "," + option;
  if (plan.check == CheckFirst::kGlance) text += " after a glance";
  if (plan.check == CheckFirst::kFull) text += " after a check";
  if (!plan.fuseblk) text += " (plain)";
  for (const std::string& action : plan.actions)
    text += fmt::format(" if {}", action.substr(action.rfind('.') + 1));
  return text;
}

// A whole decision as one line: "wait: the session is locked", "mount ext4 by ext for alice ...".
inline std::string line(const Decision& decision) {
  std::string text(to_word(decision));
  if (const auto* plan = std::get_if<MountDecision>(&decision.what))
    text += " " + describe_plan(*plan);
  if (const auto* refused = std::get_if<RefuseDecision>(&decision.what)) {
    const std::string_view name = error_name(refused->code);
    text += fmt::format(" ({})", name.substr(name.rfind('.') + 1));
  }
  text += ": " + decision.reason;
  if (decision.rule != "built-in") text += " [" + decision.rule + "]";
  return text;
}

struct Row {
  std::string settings;
  Medium medium;
  std::string decision;
};

inline void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows)
    EXPECT_EQ(line(decide(settings_from(row.settings), row.medium.facts(), kDrivers)), row.decision)
        << "with settings: " << row.settings;
}

}  // namespace airlock::policy_test
