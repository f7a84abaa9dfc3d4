// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cli/ctl/arguments.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"

namespace airlock::ctl {
namespace {

using Words = std::vector<std::string>;

Arguments parsed(const Words& words) {
  auto arguments = parse_arguments(words);
  EXPECT_TRUE(arguments) << (arguments ? "" : arguments.error().message());
  return arguments ? *arguments : Arguments{};
}

std::string complaint(const Words& words) {
  const auto arguments = parse_arguments(words);
  if (arguments) return "";
  EXPECT_EQ(arguments.error().code, Errc::kInvalidArgument);
  return arguments.error().message();
}

TEST(Arguments, TheFirstWordIsTheVerbAndTheOthersAreOperands) {
  const auto arguments = parsed({"unmount", "sdb1", "-l", "sdb2"});
  EXPECT_EQ(arguments.verb, "unmount");
  EXPECT_EQ(arguments.operands, (Words{"sdb1", "sdb2"}));
  EXPECT_TRUE(arguments.lazy);
  EXPECT_EQ(arguments.given, (Words{"lazy"}));
  EXPECT_EQ(parsed({}).verb, "");
}

TEST(Arguments, OptionsMayComeAnywhereAndLettersTogether) {
  const auto arguments = parsed({"-jq", "list", "--all"});
  EXPECT_TRUE(arguments.json && arguments.quiet && arguments.all);
  EXPECT_FALSE(arguments.force);
}

TEST(Arguments, MountOptionsAreJoinedHoweverTheyAreWritten) {
  EXPECT_EQ(
      parsed({"mount", "x", "-o", "ro", "-onoexec", "--options=sync", "--options", "a,b"}).options,
      "ro,noexec,sync,a,b");
  EXPECT_EQ(parsed({"mount", "x", "-qoro"}).options, "ro");
}

TEST(Arguments, BehindTwoDashesEverythingIsAnOperand) {
  EXPECT_EQ(parsed({"info", "--", "--all", "-"}).operands, (Words{"--all", "-"}));
  EXPECT_EQ(parsed({"info", "-"}).operands, (Words{"-"}));
}

TEST(Arguments, AWrongOptionIsNamedWithTheOneThatWasMeant) {
  EXPECT_EQ(complaint({"list", "--jsno"}), "there is no option \"--jsno\"; did you mean --json?");
  EXPECT_EQ(complaint({"list", "--wherever"}), "there is no option \"--wherever\"");
  EXPECT_EQ(complaint({"list", "-jx"}), "there is no option \"-x\"");
  EXPECT_EQ(complaint({"list", "--\x1b[2J"}), "there is no option \"--\\x1b[2J\"");
}

TEST(Arguments, ValuesMustBeThereOrMustNot) {
  EXPECT_EQ(complaint({"mount", "x", "-o"}), "--options needs a value");
  EXPECT_EQ(complaint({"mount", "x", "--type"}), "--type needs a value");
  EXPECT_EQ(complaint({"list", "--json=yes"}), "--json takes no value");
  EXPECT_EQ(complaint({"mount", "x", "-text4", "-t", "vfat"}), "--type is given twice");
}

TEST(Verbs, EveryOptionOfAVerbIsOneThatCanBeGiven) {
  for (const Verb& verb : all_verbs()) {
    std::istringstream options{std::string(verb.options)};
    for (std::string option; options >> option;) {
      const bool has_value = option == "options" || option == "type" || option == "label";
      EXPECT_TRUE(parse_arguments(Words{"--" + option + (has_value ? "=x" : "")})) << option;
    }
    EXPECT_LE(verb.least, verb.most) << verb.name;
  }
}

// --- names of volumes ---

Value text(const char* words) {
  return {std::string(words)};
}

VolumeView volume(const char* id, const char* label, const char* place = "") {
  return {.path = std::string("/") + id,
          .properties = {Value::Map{{"Id", text(id)},
                                    {"Device", {std::string("/dev/") + id}},
                                    {"Label", text(label)},
                                    {"Uuid", {std::string("uuid-") + id}},
                                    {"MountPoint", text(place)}}}};
}

VolumeView image(const char* id, const char* file) {
  return {.path = std::string("/") + id,
          .properties = {
              Value::Map{{"Id", text(id)}, {"Device", text(file)}, {"Kind", text("image")}}}};
}

std::string chosen(const std::vector<VolumeView>& volumes, const std::string& called) {
  const auto found = choose_volume(volumes, called);
  return found ? found->id() : found.error().message();
}

TEST(ChooseVolume, KnowsEveryNameAPersonMayUse) {
  const std::vector volumes = {volume("sdb1", "STICK", "/run/media/ada/STICK"), volume("sdc1", ""),
                               image("image1", "disk.iso")};
  for (const char* called :
       {"sdb1", "/dev/sdb1", "STICK", "uuid-sdb1", "/run/media/ada/STICK", "/run/media/ada/STICK/",
        "/run/media/ada/STICK/a/b", "/run/media/ada/./x/../STICK"})
    EXPECT_EQ(chosen(volumes, called), "sdb1") << called;
  for (const char* called : {"disk.iso", "./disk.iso", "/home/ada/disk.iso", "image1"})
    EXPECT_EQ(chosen(volumes, called), "image1") << called;
}

TEST(ChooseVolume, SaysWhatElseThereIsWhenNothingFits) {
  EXPECT_EQ(chosen({}, "sdb1"), "there is no \"sdb1\": nothing is plugged in");
  EXPECT_EQ(chosen({volume("sdb1", "")}, ""),
            "there is no \"\"; 'airlockctl list --all' shows what there is");
  EXPECT_EQ(chosen({volume("sdb1", "", "/run/media/ada/A")}, "/run/media/ada/AB"),
            "there is no \"/run/media/ada/AB\"; 'airlockctl list --all' shows what there is");
}

TEST(ChooseVolume, ALabelTwoMediaShareIsNoName) {
  EXPECT_EQ(chosen({volume("sdb1", "PHOTOS"), volume("sdc1", "PHOTOS")}, "PHOTOS"),
            "\"PHOTOS\" could be any of sdb1, sdc1: say which");
}

TEST(ChooseVolume, ALabelCannotTakeTheNameOfSomethingElse) {
  EXPECT_EQ(chosen({volume("sda1", "sdb1"), volume("sdb1", "")}, "sdb1"), "sdb1");
  EXPECT_NE(chosen({volume("sdb1", "/dev/sdc1")}, "/dev/sdc1"), "sdb1");
  EXPECT_NE(chosen({volume("sdb1", "/home/ada/disk.iso")}, "/home/ada/disk.iso"), "sdb1");
}

TEST(Order, NumbersInNamesCountAsNumbers) {
  std::vector<std::string> names = {"sdb10", "sdb2", "sdb", "mmcblk0p1", "sdaa1", "sdb1", "dm-0"};
  std::ranges::sort(names, comes_before);
  EXPECT_EQ(names, (Words{"dm-0", "mmcblk0p1", "sdaa1", "sdb", "sdb1", "sdb2", "sdb10"}));
}

TEST(Order, IsAnOrder) {
  const Words names = {"", "a", "a1", "a01", "a1b", "1", "01", "10", "ab"};
  for (const std::string& a : names) {
    EXPECT_FALSE(comes_before(a, a));
    for (const std::string& b : names) {
      EXPECT_FALSE(comes_before(a, b) && comes_before(b, a)) << a << " " << b;
      for (const std::string& c : names)
        EXPECT_FALSE(comes_before(a, b) && comes_before(b, c) && !comes_before(a, c));
    }
  }
}

}  // namespace
}  // namespace airlock::ctl
