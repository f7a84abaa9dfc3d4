// SPDX-License-Identifier: GPL-2.0-or-later
// The effect of rules and settings on a decision.
#include "daemon/policy/rule_match.h"
#include "tests/unit/policy_facts.h"

namespace airlock::policy_test {
namespace {

Medium stick() {
  return Medium::stick();
}

std::string rule(std::string_view match, std::string_view says) {
  return fmt::format("[[rule]]\nname = \"mine\"\n{}\n{}\n", match, says);
}

bool matches(std::string_view match, const Medium& medium) {
  const Settings settings = settings_from(rule(match, "read-only = true"));
  return !why_no_match(settings.rules.at(0).match, medium.facts());
}

TEST(Rules, MatchWhatTheyName) {
  const std::vector<std::pair<std::string_view, bool>> rows{
      {"match.vendor = \"SanDisk\"", true},  // padding by the hardware is ignored
      {"match.vendor = \"sandisk\"", false},
      {"match.vendor = \"San*\"", true},
      {"match.vendor = [\"Kingston\", \"S?nDisk\"]", true},
      {"match.model = \"Ultra\"", true},
      {"match.serial = \"4C53\"", true},
      {"match.bus = \"usb\"", true},
      {"match.bus = \"mmc\"", false},
      {"match.port = \"pci-*-usb-0:2:*\"", true},
      {"match.type = \"ext?\"", true},
      {"match.type = \"vfat\"", false},
      {"match.label = \"BACKUP\"", true},
      {"match.uuid = \"1234-*\"", true},
      {"match.kind = \"partition\"", true},
      {"match.kind = [\"disk\", \"optical\"]", false},
      {"match.removable = true", true},
      {"match.removable = false", false},
      {"match.min-size = \"64 GiB\"", true},
      {"match.min-size = \"65 GiB\"", false},
      {"match.max-size = \"64 GiB\"", true},
      {"match.max-size = \"64 GB\"", false},
      {"match = { vendor = \"SanDisk\", label = \"OTHER\" }", false},
      {"match = { vendor = \"SanDisk\", label = \"BACKUP\" }", true},
  };
  for (const auto& [match, expected] : rows) EXPECT_EQ(matches(match, stick()), expected) << match;
}

TEST(Rules, MatchALoopDeviceByTheFileBehindIt) {
  const std::vector<std::pair<std::string_view, bool>> rows{
      {"match.backing-file = \"/srv/sticks/2024/a b.img\"", true},
      {"match.backing-file = \"/srv/sticks/*\"", true},  // a star matches slashes, too
      {"match.backing-file = \"/srv/*.img\"", true},
      {"match.backing-file = \"*\"", true},
      {"match.backing-file = [\"/var/lib/snapd/*\", \"/srv/sticks/2?2?/a?b.img\"]", true},
      {"match.backing-file = \"/srv/sticks\"", false},
      {"match.backing-file = \"/srv/sticks/*.iso\"", false},
      {"match.backing-file = \"sticks\"", false},
      {"match = { kind = \"loop\", backing-file = \"/srv/*\" }", true},
      {"match = { kind = \"disk\", backing-file = \"/srv/*\" }", false},
  };
  for (const auto& [match, expected] : rows)
    EXPECT_EQ(matches(match, Medium::loop()), expected) << match;
}

TEST(Rules, TheFilesOfOthersAreLeftAlone) {
  const std::string settings = rule("match.kind = \"loop\"", "removable = true") +
                               rule("match.backing-file = \"/var/lib/snapd/*\"", "ignore = true");
  expect_rows({
      {settings, Medium::loop(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on"},
      {settings,
       Medium::loop().device(&Device::backing_file,
                             std::string("/var/lib/snapd/snaps/core_1.snap")),
       "ignore: a rule says to ignore it [test.toml:5 \"mine\"]"},
  });
}

TEST(Rules, DoNotMatchWhatIsNotKnown) {
  EXPECT_FALSE(matches("match.backing-file = \"*\"", stick()));
  EXPECT_FALSE(matches("match.backing-file = \"*\"", Medium::image()));
  EXPECT_FALSE(matches("match.vendor = \"*\"", Medium::loop()));
  EXPECT_TRUE(matches("match.label = \"*\"", stick().label("")));  // known to have none
  EXPECT_FALSE(matches("match.label = \"*\"", stick().not_probed()));
  EXPECT_FALSE(matches("match.vendor = \"*\"", Medium::image()));
  EXPECT_FALSE(matches("match.min-size = \"0 B\"", Medium::image()));
  EXPECT_FALSE(matches("match.removable = true", Medium::image()));
  EXPECT_FALSE(matches("match.removable = false", Medium::image()));
  EXPECT_TRUE(matches("match.kind = \"image\"", Medium::image()));
  EXPECT_TRUE(matches("match.label = \"*\"", Medium::image()));
}

TEST(Rules, PatternsAreStarsAndQuestionMarks) {
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_TRUE(matches_pattern("", "*"));
  EXPECT_FALSE(matches_pattern("", "?"));
  EXPECT_FALSE(matches_pattern("a", ""));
  EXPECT_TRUE(matches_pattern("abc", "a*c"));
  EXPECT_TRUE(matches_pattern("abcbc", "a*bc"));
  EXPECT_FALSE(matches_pattern("abcb", "a*bc"));
  EXPECT_TRUE(matches_pattern("a\xc3\xa4z", "a?z"));  // one character of two bytes
  EXPECT_TRUE(matches_pattern("a*c", "a\\*c"));
  EXPECT_FALSE(matches_pattern("abc", "a\\*c"));
  EXPECT_TRUE(matches_pattern("a\\", "a\\"));
  EXPECT_TRUE(matches_pattern("[x]", "[x]"));
  EXPECT_FALSE(matches_pattern("a\xff", "b*"));
  // Many stars must not multiply the work.
  EXPECT_FALSE(matches_pattern(std::string(4000, 'a'), std::string(100, '*') + "a*a*a*a*a*a*b"));
}

TEST(Rules, ChangeWhatTheyMention) {
  const std::string mine = "[test.toml:1 \"mine\"]";
  const auto with = [](std::string_view says) { return rule("match.vendor = \"San*\"", says); };
  const auto mounted = [](std::string_view how) {
    return fmt::format("mount ext4 by {}: automount is on", how);
  };
  const std::vector<std::pair<std::string, std::string>> rows{
      {with("automount = \"off\""), "leave: automount is off " + mine},
      {with("automount = \"ask\""), "ask: automount is to ask first " + mine},
      {"automount = \"off\"\n" + with("automount = \"on\""),
       "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on [test.toml:2 \"mine\"]"},
      {with("ignore = true"), "ignore: a rule says to ignore it " + mine},
      {with("removable = false"), "leave: it is not removable " + mine},
      {with("read-only = true"),
       mounted("ext for alice at BACKUP: ro,noexec") + "; read-only: test.toml:1 \"mine\" says so"},
      {with("allow-other = true"), mounted("ext for alice at BACKUP: rw,noexec,allow_other")},
      {with("exec = true"), mounted("ext for alice at BACKUP: rw,noexec")},
      {with("sync = true"), mounted("ext for alice at BACKUP: rw,noexec,sync")},
      {with("owner = \"media\""), mounted("ext for alice at BACKUP: rw,noexec,owner=media")},
      {with("options = [\"noatime\", \"nosymfollow\"]"),
       mounted("ext for alice at BACKUP: rw,noexec,noatime,nosymfollow")},
      {with("folder = \"camera\""), mounted("ext for alice at camera: rw,noexec")},
      {with("driver = \"other\""), mounted("other for alice at BACKUP: rw,noexec")},
      {with("driver = \"iso9660\""),
       "leave: the driver iso9660 that its rule names does not serve \"ext4\" " + mine},
      {"drivers.disabled = [\"ext\"]", mounted("other for alice at BACKUP: rw,noexec")},
  };
  for (const auto& [settings, decision] : rows) expect_rows({{settings, stick(), decision}});
}

TEST(Rules, MakeADeviceRemovable) {
  const std::string settings = rule("match.serial = \"4C53\"", "removable = true");
  Medium inside = stick().device(&Device::removable, false);
  expect_rows({
      {settings, inside, "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on"},
      {settings, inside.alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for"},
  });
  // But never a volume of the system.
  Medium systems = stick().device(&Device::system_reason, std::string("it holds the system"));
  expect_rows({{settings, systems, "ignore: it belongs to the system: it holds the system"}});
}

TEST(Rules, TheLastOneThatMatchesWinsForEachSetting) {
  const std::string settings =
      "read-only = true\n"
      "[[rule]]\nname = \"sticks\"\nmatch.bus = \"usb\"\nread-only = false\nsync = true\n"
      "[[rule]]\nname = \"others\"\nmatch.bus = \"mmc\"\nsync = false\n"
      "[[rule]]\nname = \"backup\"\nmatch.label = \"BACKUP\"\nread-only = true\n";
  expect_rows({
      {settings, stick(),
       "mount ext4 by ext for alice at BACKUP: ro,noexec,sync: automount is on; read-only: "
       "test.toml:11 \"backup\" says so"},
      {settings, stick().label("OTHER"),
       "mount ext4 by ext for alice at OTHER: rw,noexec,sync: automount is on"},
  });
}

TEST(Rules, BindCallersToo) {
  const auto with = [](std::string_view says) { return rule("match.vendor = \"San*\"", says); };
  const std::string mine = " [test.toml:1 \"mine\"]";
  expect_rows({
      {with("read-only = true"), stick().alice({"rw"}),
       "refuse (NotPermitted): it may only be mounted read-only: test.toml:1 \"mine\" says so" +
           mine},
      {with("read-only = true"), stick().root({"rw"}),
       "refuse (NotPermitted): it may only be mounted read-only: test.toml:1 \"mine\" says so" +
           mine},
      {with("read-only = true"), stick().alice(),
       "mount ext4 by ext for alice at BACKUP: ro,noexec if mount-removable: it was asked for; "
       "read-only: test.toml:1 \"mine\" says so" +
           mine},
      {with("exec = false"), stick().alice({"exec"}),
       "refuse (NotPermitted): option exec is not allowed: test.toml:1 \"mine\" says so" + mine},
      {with("allow-other = false"), stick().alice({"allow_other"}),
       "refuse (NotPermitted): option allow_other is not allowed: test.toml:1 \"mine\" says so" +
           mine},
      {with("options = [\"nosymfollow\"]"), stick().alice({"symfollow"}),
       "refuse (NotPermitted): option symfollow is not allowed: test.toml:1 \"mine\" says so" +
           mine},
      {with("ignore = true"), stick().root(),
       "refuse (NotPermitted): a rule says to ignore it" + mine},
      // An option allowed by a file needs no extra question, and a caller may drop it.
      {with("exec = true"), stick().alice(),
       "mount ext4 by ext for alice at BACKUP: rw,exec if mount-removable: it was asked for"},
      {with("exec = true"), stick().alice({"noexec"}),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for"},
      {with("options = [\"noatime\"]"), stick().alice({"atime"}),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for"},
      {with("ignore = false"), stick().device(&Device::ignored, true),
       "ignore: udev says to ignore it"},
  });
}

TEST(Explain, TellsFactsRulesAndOutcome) {
  const Settings settings = settings_from(
      "[[rule]]\nname = \"camera\"\nmatch.vendor = \"Canon\"\nread-only = true\n"
      "[[rule]]\nname = \"sticks\"\nmatch.bus = \"usb\"\nsync = true\nfolder = \"stick\"\n");
  const PropertyMap told = to_properties(explain(settings,
                                                 stick()
                                                     .label("a\xe2\x80\xae"
                                                            "b\n")
                                                     .facts(),
                                                 kDrivers));
  EXPECT_EQ(std::get<std::string>(told.at("decision")), "mount");
  EXPECT_EQ(std::get<std::string>(told.at("reason")), "automount is on");
  EXPECT_EQ(std::get<std::string>(told.at("rule")), "built-in");
  EXPECT_EQ(std::get<std::vector<std::string>>(told.at("rules")),
            (std::vector<std::string>{
                "test.toml:1 \"camera\": does not match: its vendor is \"SanDisk\"",
                "test.toml:5 \"sticks\": matches: sync = true, folder = \"stick\""}));
  const auto facts = std::get<std::map<std::string, std::variant<std::string, std::int64_t, bool>>>(
      told.at("facts"));
  EXPECT_EQ(std::get<std::string>(facts.at("label")), "a\\xe2\\x80\\xaeb\\x0a");
  EXPECT_EQ(std::get<std::string>(facts.at("device")), "/dev/sdb1");
  EXPECT_EQ(std::get<std::string>(facts.at("asked-by")), "nobody: automatic");
  const auto plan = std::get<std::map<std::string, std::variant<std::string, std::int64_t, bool>>>(
      told.at("plan"));
  EXPECT_EQ(std::get<std::string>(plan.at("options")), "nosuid,nodev,noexec,sync");
  EXPECT_EQ(std::get<std::string>(plan.at("folder")), "stick");
}

TEST(Explain, NamesTheFileBehindALoopDevice) {
  const Settings settings = settings_from(rule("match.backing-file = \"/home/*\"", "sync = true"));
  const Explanation of_loop = explain(settings, Medium::loop().facts(), kDrivers);
  EXPECT_EQ(of_loop.facts.at("backing-file"), "/srv/sticks/2024/a b.img");
  EXPECT_EQ(
      of_loop.rules.at(0),
      "test.toml:1 \"mine\": does not match: its backing-file is \"/srv/sticks/2024/a b.img\"");
  const Explanation of_stick = explain(settings, stick().facts(), kDrivers);
  EXPECT_FALSE(of_stick.facts.contains("backing-file"));
  EXPECT_EQ(of_stick.rules.at(0),
            "test.toml:1 \"mine\": does not match: its backing-file is not known");
}

TEST(Explain, BoundsWhatAMediumSays) {
  const Explanation told = explain(Settings{}, stick().label(std::string(512, '\x01')).facts());
  EXPECT_LE(told.facts.at("label").size(), 512u * 4 + 3);
  EXPECT_EQ(told.facts.at("label").substr(0, 8), "\\x01\\x01");
}

TEST(Explain, SaysAskWhereSomebodyIsToBeAsked) {
  const Settings ask = settings_from("automount = \"ask\"");
  const PropertyMap told = to_properties(explain(ask, stick().facts(), kDrivers));
  EXPECT_EQ(std::get<std::string>(told.at("decision")), "ask");
  EXPECT_FALSE(told.contains("plan"));
}

}  // namespace
}  // namespace airlock::policy_test
