// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "daemon/api/actions.h"
#include "daemon/people/authorization.h"
#include "daemon/people/question_details.h"

namespace airlock {
namespace {

using Actions = std::vector<std::string>;

constexpr auto kRemovable = "org.airlock1.mount-removable";
constexpr auto kOtherSeat = "org.airlock1.mount-other-seat";
constexpr auto kSystem = "org.airlock1.mount-system";
constexpr auto kImage = "org.airlock1.mount-image";
constexpr auto kRepair = "org.airlock1.repair";
constexpr auto kFormat = "org.airlock1.format";
constexpr auto kUnmountOthers = "org.airlock1.unmount-others";
constexpr auto kEject = "org.airlock1.eject";
constexpr auto kPowerOff = "org.airlock1.power-off";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "Volume.Mount" for every method of every interface in dbus/.
std::set<std::string> documented_methods() {
  const char* source = std::getenv("AIRLOCK_SOURCE");
  EXPECT_NE(source, nullptr);
  const std::regex tag(R"re(<(interface|method) name="(?:org\.airlock1\.)?(\w+)")re");
  std::set<std::string> found;
  for (const auto& file : std::filesystem::directory_iterator(std::string(source) + "/dbus")) {
    if (file.path().extension() != ".xml") continue;
    const std::string text = read_file(file.path());
    std::string interface;
    for (std::sregex_iterator at(text.begin(), text.end(), tag), end; at != end; ++at) {
      if ((*at)[1] == "interface")
        interface = (*at)[2];
      else
        found.insert(interface + "." + (*at)[2].str());
    }
  }
  return found;
}

Actions wanted(std::string_view interface, std::string_view method,
               const AuthorizationFacts& facts) {
  auto actions = required_actions(interface, method, facts);
  EXPECT_TRUE(actions.has_value());
  return actions ? *actions : Actions{"refused"};
}

TEST(Authorization, TheTableNamesTheMethodsOfTheApiAndNoOthers) {
  std::set<std::string> in_table;
  for (const MethodRule& rule : method_rules())
    EXPECT_TRUE(
        in_table.insert(std::string(rule.interface) + "." + std::string(rule.method)).second)
        << rule.method << " is there twice";
  const auto documented = documented_methods();
  EXPECT_GT(documented.size(), 10U);
  EXPECT_EQ(in_table, documented);
}

TEST(Authorization, WhatIsNotInTheTableIsRefused) {
  for (const auto& [interface, method] :
       {std::pair{"Volume", "Partition"}, {"Manager", "Mount"}, {"", ""}, {"volume", "Mount"}}) {
    const auto actions = required_actions(interface, method, {});
    ASSERT_FALSE(actions.has_value());
    EXPECT_EQ(actions.error().code, Errc::kNotPermitted);
  }
}

TEST(Authorization, WithNothingKnownEverythingIsAskedFor) {
  EXPECT_EQ(wanted("Volume", "Eject", {}), (Actions{kEject, kSystem, kUnmountOthers}));
  EXPECT_EQ(wanted("Volume", "Unmount", {}), (Actions{kUnmountOthers}));
}

TEST(Authorization, OnesOwnMountIsOnesOwn) {
  const AuthorizationFacts own{.ownership = Ownership::kCallers,
                               .whereabouts = Whereabouts::kOtherSeat};
  for (const char* method : {"Unmount", "Detach", "GetUsers", "GetLog"})
    EXPECT_EQ(wanted("Volume", method, own), Actions{}) << method;
  EXPECT_EQ(wanted("Job", "Cancel", own), Actions{});
  EXPECT_EQ(wanted("Job", "Skip", own), Actions{});
  EXPECT_EQ(wanted("Job", "Skip", {}), (Actions{kUnmountOthers}));
  EXPECT_EQ(wanted("Job", "Cancel", {}), (Actions{kUnmountOthers}));
}

TEST(Authorization, EjectingAndPowerOffAlsoAskWhereTheMediumIs) {
  AuthorizationFacts facts{.ownership = Ownership::kNobodys, .whereabouts = Whereabouts::kOwnSeat};
  EXPECT_EQ(wanted("Volume", "Eject", facts), (Actions{kEject}));
  EXPECT_EQ(wanted("Volume", "PowerOff", facts), (Actions{kPowerOff}));
  facts.whereabouts = Whereabouts::kOtherSeat;
  EXPECT_EQ(wanted("Volume", "PowerOff", facts), (Actions{kPowerOff, kOtherSeat}));
  facts.whereabouts = Whereabouts::kSystemDrive;
  EXPECT_EQ(wanted("Volume", "Eject", facts), (Actions{kEject, kSystem}));
}

TEST(Authorization, CheckingAsksWhatMountingWould) {
  AuthorizationFacts facts{.ownership = Ownership::kNobodys, .whereabouts = Whereabouts::kOwnSeat};
  for (const char* method : {"Check", "GetCheckLog"})
    EXPECT_EQ(wanted("Volume", method, facts), (Actions{kRemovable})) << method;
  EXPECT_EQ(wanted("Volume", "Repair", facts), (Actions{kRepair, kRemovable}));
  EXPECT_EQ(wanted("Volume", "SetLabel", facts), (Actions{kRepair, kRemovable}));
  EXPECT_EQ(wanted("Volume", "Format", facts), (Actions{kFormat, kRemovable}));
  facts.whereabouts = Whereabouts::kImage;
  EXPECT_EQ(wanted("Volume", "Check", facts), (Actions{kImage}));
  facts.ownership = Ownership::kOthers;
  EXPECT_EQ(wanted("Volume", "Check", facts), (Actions{kImage, kUnmountOthers}));
  facts = {.ownership = Ownership::kNobodys, .whereabouts = Whereabouts::kOtherSeat};
  EXPECT_EQ(wanted("Volume", "Check", facts), (Actions{kOtherSeat}));
  facts.whereabouts = Whereabouts::kSystemDrive;
  EXPECT_EQ(wanted("Volume", "Check", facts), (Actions{kSystem}));
}

TEST(Authorization, MountAsksWhatThePolicyWantsAndNothingTwice) {
  const AuthorizationFacts facts{.ownership = Ownership::kOthers,
                                 .mount_actions = {kRemovable, kUnmountOthers, kRemovable}};
  EXPECT_EQ(wanted("Volume", "Mount", facts), (Actions{kRemovable, kUnmountOthers}));
  EXPECT_EQ(wanted("Volume", "Recover", facts), (Actions{kUnmountOthers, kRemovable}));
}

TEST(Authorization, SettingsAreChangedByThoseWhoMay) {
  EXPECT_EQ(wanted("Manager", "SetAutomount", {}), (Actions{"org.airlock1.change-settings"}));
  EXPECT_EQ(wanted("Manager", "GetSettings", {}), Actions{});
}

TEST(QuestionDetails, WhatIsNotKnownIsNotThere) {
  Device device;
  device.node = "/dev/sdb1";
  device.vendor = "ACME";
  device.removable = true;
  const auto details = question_details(device, ProbeRecord{.type = "ext4", .label = "photos"});
  EXPECT_EQ(details, (std::map<std::string, std::string>{{"device", "/dev/sdb1"},
                                                         {"seat", "seat0"},
                                                         {"removable", "true"},
                                                         {"drive.vendor", "ACME"},
                                                         {"volume.type", "ext4"},
                                                         {"volume.label", "photos"}}));
  EXPECT_EQ(question_details(std::nullopt, std::nullopt),
            (std::map<std::string, std::string>{{"image", "true"}}));
}

}  // namespace
}  // namespace airlock
