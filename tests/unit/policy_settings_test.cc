// SPDX-License-Identifier: GPL-2.0-or-later
// The settings language: its meaning, and its messages about mistakes.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "daemon/policy/settings_reader.h"
#include "daemon/policy/settings_report.h"
#include "tests/unit/policy_facts.h"

namespace airlock::policy_test {
namespace {

using namespace std::chrono_literals;

std::string error_of(std::string_view text) {
  Settings settings;
  const auto parsed = parse_settings(text, "a.toml", settings, kDrivers);
  return parsed ? "no error" : parsed.error().message();
}

std::string rule_error(std::string_view body) {
  return error_of(fmt::format("[[rule]]\n{}\n", body));
}

std::string read_source(std::string_view name) {
  std::ifstream file(fmt::format("{}/{}", AIRLOCK_SOURCE_DIR, name));
  EXPECT_TRUE(file.is_open()) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Settings, EverythingCanBeSaid) {
  const Settings settings = settings_from(R"(
automount = "ask"
read-only = true
exec = true
allow-other = true
sync = true
owner = "media"
options = ["noatime", "nosymfollow"]
mount-base = "/media"
idle-exit = 0
uncontained = "allow"
[deadlines]
mount = 5
silence = 7
heartbeat = 0
[drivers]
order = ["builtin", "/run/fuse"]
disabled = ["iso9660"]
[limits]
images-per-user = 0
calls-per-user = 1
volumes = 2
[[rule]]
name = "one"
match.kind = "image"
match.min-size = "1 kB"
match.max-size = "1 TiB"
automount = "off"
)");
  EXPECT_EQ(settings.automount.value, Automount::kAsk);
  EXPECT_EQ(settings.automount.origin.text(), "test.toml:2");
  EXPECT_TRUE(settings.read_only.value && settings.exec.value && settings.allow_other.value &&
              settings.sync.value);
  EXPECT_EQ(settings.owner.value, FileOwner::kMedia);
  EXPECT_EQ(settings.options.value, (std::vector<std::string>{"noatime", "nosymfollow"}));
  EXPECT_EQ(settings.mount_base.value, "/media");
  EXPECT_EQ(settings.idle_exit, 0s);
  EXPECT_EQ(settings.uncontained.value, Uncontained::kAllow);
  EXPECT_EQ(settings.uncontained.origin.text(), "test.toml:11");
  EXPECT_EQ(settings.deadlines.mount, 5s);
  EXPECT_EQ(settings.deadlines.silence, 7s);
  EXPECT_EQ(settings.deadlines.heartbeat, 0s);
  EXPECT_EQ(settings.driver_order, (std::vector<std::string>{"builtin", "/run/fuse"}));
  EXPECT_EQ(settings.disabled_drivers.value, std::vector<std::string>{"iso9660"});
  EXPECT_EQ(settings.limits.images_per_user, 0u);
  EXPECT_EQ(settings.limits.calls_per_user, 1u);
  EXPECT_EQ(settings.limits.volumes, 2u);
  ASSERT_EQ(settings.rules.size(), 1u);
  EXPECT_EQ(settings.rules[0].origin.text(), "test.toml:23 \"one\"");
  EXPECT_EQ(settings.rules[0].match.min_size, 1000u);
  EXPECT_EQ(settings.rules[0].match.max_size, 1ull << 40);
  EXPECT_EQ(settings.rules[0].automount, Automount::kOff);
}

TEST(Settings, AnErrorSaysWhereWhatAndWhatWouldBeRight) {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {"automont = \"on\"",
       "a.toml:1:1: there is no setting \"automont\"; did you mean \"automount\"?"},
      {"\n  readonly = true",
       "a.toml:2:3: there is no setting \"readonly\"; did you mean \"read-only\"?"},
      {"[limits]\nzzzzzzzz = 1",
       "a.toml:2:1: there is no setting \"limits.zzzzzzzz\"; there are images-per-user, "
       "calls-per-user, volumes, heals-per-minute"},
      {"[deadlines]\nmonut = 1",
       "a.toml:2:1: there is no setting \"deadlines.monut\"; did you mean \"deadlines.mount\"?"},
      {"\"a\\nb\" = 1",
       "a.toml:1:1: there is no setting \"a\\x0ab\"; there are automount, read-only, exec, "
       "allow-other, sync, owner, options, check, heal, uncontained, mount-base, idle-exit, "
       "deadlines, drivers, "
       "limits, "
       "rule"},
      {"automount = \"yes\"", "a.toml:1:13: automount is \"on\", \"off\" or \"ask\", not \"yes\""},
      {"automount = true", "a.toml:1:13: automount is a string, not true or false"},
      {"automount = \"\"", "a.toml:1:13: automount must not be empty"},
      {"automount = \"o\\u0007n\"",
       "a.toml:1:13: automount must not hold control characters: \"o\\x07n\""},
      {"owner = \"root\"", "a.toml:1:9: owner is \"user\" or \"media\", not \"root\""},
      {"uncontained = \"deny\"",
       "a.toml:1:15: uncontained is \"refuse\", \"warn\" or \"allow\", not \"deny\""},
      {"uncontained = true", "a.toml:1:15: uncontained is a string, not true or false"},
      {"exec = \"true\"", "a.toml:1:8: exec is true or false, not a string"},
      {"exec = 1.5", "a.toml:1:8: exec is true or false, not a number with a fraction"},
      {"exec = 1979-05-27", "a.toml:1:8: exec is true or false, not a date or time"},
      {"exec = []", "a.toml:1:8: exec is true or false, not a list"},
      {"idle-exit = -1", "a.toml:1:13: idle-exit is a number of seconds from 0 to 86400, not -1"},
      {"idle-exit = \"1 s\"",
       "a.toml:1:13: idle-exit is a number of seconds from 0 to 86400, not a string"},
      {"deadlines.mount = 0", "a.toml:1:19: mount is a number of seconds from 1 to 600, not 0"},
      {"limits.volumes = 99999999999",
       "a.toml:1:18: volumes is a number from 1 to 65536, not 99999999999"},
      {"deadlines = 3", "a.toml:1:13: deadlines is a table of settings, not a number"},
      {"options = \"noatime\"", "a.toml:1:11: options is a list of strings, not a string"},
      {"options = [1]", "a.toml:1:12: an item of options is a string, not a number"},
      {"options = [\"ro\"]",
       "a.toml:1:11: option \"ro\" has a setting of its own: read-only = true"},
      {"options = [\"suid\"]",
       "a.toml:1:11: an option is \"dirsync\", \"noatime\", \"nodiratime\", \"nosymfollow\" or one "
       "for FAT, not "
       "\"suid\""},
      {"options = [\"umask=8\"]",
       "a.toml:1:11: option umask wants an octal mask up to 777, not \"8\""},
      {"mount-base = \"media\"",
       "a.toml:1:14: mount-base is a directory such as \"/run/media\", of at most 200 bytes and "
       "without \"..\", not \"media\""},
      {"drivers.order = []", "a.toml:1:17: order has 1 to 16 items, not 0"},
      {"drivers.order = [\"built-in\"]",
       "a.toml:1:17: an item of order is \"builtin\" or a directory such as "
       "\"/run/airlock/drivers\", not \"built-in\""},
      {"drivers.disabled = [\"ntsf\"]",
       "a.toml:1:20: a driver is \"ext\", \"iso9660\", \"other\", \"fat\", \"scribe\" or "
       "\"lector\", not \"ntsf\""},
      {"rule = 1", "a.toml:1:8: rules are written as [[rule]] blocks"},
      {"rule = [1]", "a.toml:1:9: rules are written as [[rule]] blocks"},
      {"[rule]\nname = \"x\"", "a.toml:1:1: rules are written as [[rule]] blocks"},
  };
  for (const auto& [text, error] : rows) EXPECT_EQ(error_of(text), error) << text;
}

TEST(Settings, AnErrorInARuleIsAsExact) {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {"match.vendor = \"x\"\nread-only = true",
       "a.toml:1:1: the rule has no name; write name = \"what it is for\""},
      {"name = \"x\"\nread-only = true",
       "a.toml:1:1: rule \"x\" has no match; what holds for everything stands outside of rules"},
      {"name = \"x\"\nmatch.vendor = \"x\"",
       "a.toml:1:1: rule \"x\" does nothing; it needs a setting such as read-only = true"},
      {"vendor = \"x\"",
       "a.toml:2:1: there is no setting \"rule.vendor\"; did you mean \"match.vendor\"?"},
      {"raed-only = true",
       "a.toml:2:1: there is no setting \"rule.raed-only\"; did you mean \"rule.read-only\"?"},
      {"match.vendr = \"x\"",
       "a.toml:2:7: there is no setting \"match.vendr\"; did you mean \"match.vendor\"?"},
      {"match = {}", "a.toml:2:1: match must not be empty"},
      {"match = \"x\"", "a.toml:2:9: match is a table of settings, not a string"},
      {"match.vendor = 1", "a.toml:2:16: vendor is a string or a list of strings, not a number"},
      {"match.vendor = []", "a.toml:2:16: vendor must not be empty"},
      {"match.backing-file = true",
       "a.toml:2:22: backing-file is a string or a list of strings, not true or false"},
      {"match.backing_file = \"/srv/*\"",
       "a.toml:2:7: there is no setting \"match.backing_file\"; did you mean "
       "\"match.backing-file\"?"},
      {"match.kind = \"stick\"",
       "a.toml:2:14: kind is \"disk\", \"partition\", \"optical\", \"loop\" or \"image\", not "
       "\"stick\""},
      {"match.removable = \"yes\"", "a.toml:2:19: removable is true or false, not a string"},
      {"match.min-size = \"64 gigs\"",
       "a.toml:2:18: min-size is a size such as \"64 GiB\" (B, kB, MB, GB, TB, KiB, MiB, GiB or "
       "TiB), not \"64 gigs\""},
      {"match.min-size = \"2 MB\"\nmatch.max-size = \"1 MB\"",
       "a.toml:2:1: min-size is larger than max-size: nothing would match"},
      {"folder = \"../etc\"",
       "a.toml:2:10: folder is the name of one folder, such as \"_etc\", not \"../etc\""},
      {"folder = \"..\"", "a.toml:2:10: folder is the name of one folder, not \"..\""},
      {"driver = \"vfat\"",
       "a.toml:2:10: a driver is \"ext\", \"iso9660\", \"other\", \"fat\", \"scribe\" or "
       "\"lector\", not \"vfat\""},
  };
  for (const auto& [text, error] : rows) EXPECT_EQ(rule_error(text), error) << text;
}

TEST(Settings, WhatIsNoTomlIsSaidWithItsPlace) {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {"automount = on", "a.toml:1:"},
      {"\n\nexec = true\nexec = false", "a.toml:4:"},
      {"x", "a.toml:1:"},
      {"[x", "a.toml:1:"},
      {"a = \"\xff\"", "a.toml:1:"},
      {"a = \"\x01\"", "a.toml:1:"},
  };
  for (const auto& [text, place] : rows) {
    const std::string error = error_of(text);
    EXPECT_EQ(error.substr(0, place.size()), place) << error;
    EXPECT_EQ(error.find_first_of("\n\x01\xff"), std::string::npos) << error;
  }
}

TEST(Settings, LettersBeyondAsciiStandInQuotesOrComments) {
  const auto wrong = [](std::string_view place) {
    return fmt::format(
        "a.toml:{}: letters such as \"\xc3\xb6\" must stand in quotes or in a comment", place);
  };
  EXPECT_EQ(error_of("gr\xc3\xb6sse = 1"), wrong("1:3"));
  EXPECT_EQ(error_of("exec = true \xc3\xb6"), wrong("1:13"));
  EXPECT_EQ(error_of("# \xc3\xb6\n'\xc3\xb6' \xc3\xb6"), wrong("2:5"));
  EXPECT_EQ(error_of("x = '\\'\xc3\xb6"), wrong("1:8"));
  EXPECT_EQ(error_of("x = \"\"\"\n\"\"\"\"\"\xc3\xb6"), wrong("2:6"));
  EXPECT_EQ(error_of("\xff = 1"),
            "a.toml:1:1: letters such as \"\\xff\" must stand in quotes or in a comment");
  const Settings settings = settings_from(
      "# \xc3\xb6 \"\n[[rule]]\nname = \"\\\"\xc3\xb6\"\nmatch.label = ['\xc3\xb6\\', "
      "'''\xc3\xb6''', \"\"\"\xc3\xb6\\\"\"\"\"]\nsync = true # \xc3\xb6\n");
  EXPECT_EQ(settings.rules.at(0).match.texts.at(0).patterns,
            (std::vector<std::string>{"\xc3\xb6\\", "\xc3\xb6", "\xc3\xb6\""}));
}

TEST(Settings, ATableHasAName) {
  for (const char* header :
       {"[=", "[[!x]]", "[[\x19rule]]", "[ .x]", "[[[x]]]", "[#", "[\nx]", "[{"})
    EXPECT_EQ(error_of(std::string("\n ") + header),
              "a.toml:2:2: a line that begins with a bracket is [NAME] or [[NAME]]")
        << header;
  for (const char* header : {"[", "[[", "[]", "[[ ]]", "[ [x]]", "[x", "[x.]", "[a.=]"})
    EXPECT_TRUE(error_of(header).starts_with("a.toml:1:")) << error_of(header);
  // A bracket within a value does not begin a table.
  EXPECT_EQ(error_of("options = [\n[\n[\n]\n]\n]"),
            "a.toml:2:1: an item of options is a string, not a list");
  EXPECT_EQ(settings_from("options = [\n]\n[ 'deadlines' ]\nmount = 3").deadlines.mount, 3s);
}

TEST(Settings, BracketsFit) {
  for (const char* text : {"exec = [}", "exec = {]", "exec = 1 ]  ", "exec = [[1]}", "[exec}"})
    EXPECT_TRUE(error_of(text).ends_with(": this bracket closes none that is open")) << text;
  EXPECT_EQ(error_of("options = [\n'}' # }\n}"),
            "a.toml:3:1: this bracket closes none that is open");
}

TEST(Settings, TheFirstMistakeIsTheOneToldOf) {
  EXPECT_EQ(error_of("zzz = 1\naaa = 1").substr(0, 11), "a.toml:1:1:");
  EXPECT_EQ(error_of("sync = 1\nexec = 1").substr(0, 11), "a.toml:1:8:");
}

TEST(Settings, HaveLimits) {
  EXPECT_EQ(error_of(std::string(kMostSettingsBytes + 1, '\n')),
            "a.toml: the file is larger than 1048576 bytes");
  EXPECT_EQ(error_of("\n#" + std::string(kMostSettingsLine, 'a')),
            "a.toml:2:1025: the line is longer than 1024 bytes");
  EXPECT_EQ(rule_error("name = \"" + std::string(257, 'x') + "\""),
            "a.toml:2:8: name is longer than 256 bytes");
  std::string rules;
  for (std::size_t i = 0; i <= kMostRules; ++i)
    rules += "[[rule]]\nname = \"x\"\nmatch.bus = \"usb\"\nsync = true\n";
  EXPECT_EQ(error_of(rules), "a.toml:4001:1: there are more than 1000 rules");
  std::string items;
  for (int i = 0; i < 65; ++i) items += "\"x\",\n";
  EXPECT_EQ(rule_error("match.vendor = [" + items + "]"),
            "a.toml:2:16: vendor has more than 64 items");
  std::string deep = "a";
  for (int i = 0; i < 500; ++i) deep += ".a";
  EXPECT_TRUE(error_of(deep + " = 1").starts_with("a.toml:1:1: there is no setting \"a\"; "));
}

TEST(Settings, SizesHaveUnits) {
  EXPECT_EQ(parse_byte_size("0 B"), 0u);
  EXPECT_EQ(parse_byte_size("64 GiB"), 64ull << 30);
  EXPECT_EQ(parse_byte_size("64GiB"), 64ull << 30);
  EXPECT_EQ(parse_byte_size("2 TB"), 2'000'000'000'000u);
  EXPECT_EQ(parse_byte_size("16777215 TiB"), 16'777'215ull << 40);
  for (const char* wrong : {"", "64", "GiB", "-1 B", "1.5 GiB", "64 GIB", "64 GiB ", " 64 GiB",
                            "16777216 TiB", "18446744073709551616 B"})
    EXPECT_EQ(parse_byte_size(wrong), std::nullopt) << wrong;
}

TEST(Settings, AByteOrderMarkAndForeignLineEndsAreFine) {
  EXPECT_TRUE(settings_from("\xef\xbb\xbf"
                            "exec = true\r\nsync = true\r\n")
                  .sync.value);
}

TEST(Settings, ReportEverySettingThereIs) {
  const PropertyMap report = to_properties(settings_from("exec = true"));
  for (const std::string& name : setting_names())
    EXPECT_TRUE(name.starts_with("rule.") || report.contains(name)) << name;
  EXPECT_EQ(std::get<std::string>(report.at("automount")), "on");
  EXPECT_EQ(std::get<std::uint64_t>(report.at("deadlines.mount")), 160u);
  const auto origins =
      std::get<std::map<std::string, std::variant<std::string, std::int64_t, bool>>>(
          report.at("origins"));
  ASSERT_EQ(origins.size(), 1u);
  EXPECT_EQ(std::get<std::string>(origins.at("exec")), "test.toml:1");
}

TEST(Settings, TheVendorCopyChangesNothing) {
  Settings settings;
  const auto parsed = parse_settings(read_source("daemon/airlock.toml"), "vendor", settings);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(to_properties(settings), to_properties(Settings{}));
}

TEST(Settings, TheExamplesOfTheVendorCopyAreWhatIsBuiltIn) {
  const std::string copy = read_source("daemon/airlock.toml");
  const std::string uncommented =
      std::regex_replace(copy, std::regex("(^|\n)#(?=[a-z[])", std::regex::ECMAScript), "$1");
  Settings settings;
  const auto parsed = parse_settings(uncommented, "vendor", settings);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(settings.rules.size(), 4u);
  settings.rules.clear();
  PropertyMap said = to_properties(settings);
  PropertyMap built_in = to_properties(Settings{});
  said.erase("origins");
  built_in.erase("origins");
  EXPECT_EQ(said, built_in);
  for (const std::string& name : setting_names()) {
    const std::string last = name.substr(name.rfind('.') + 1);
    EXPECT_TRUE(name.starts_with("rule.") || copy.find("\n#" + last + " =") != std::string::npos)
        << name;
  }
}

// The man page introduces a setting as "**name** = ...", by its full name.
std::set<std::string> documented_settings(const std::string& page) {
  std::set<std::string> names;
  const std::regex introduction("(^|\n)\\*\\*([a-z.-]+)\\*\\* = ");
  for (std::sregex_iterator at(page.begin(), page.end(), introduction), end; at != end; ++at)
    names.insert((*at)[2]);
  return names;
}

TEST(Settings, TheManPageKnowsExactlyWhatThereIs) {
  const std::vector<std::string> names = setting_names();
  EXPECT_EQ(documented_settings(read_source("daemon/airlock.toml.5.rst")),
            std::set<std::string>(names.begin(), names.end()));
}

// Literal blocks of the man page are complete files.
TEST(Settings, TheExamplesOfTheManPageAreRight) {
  const std::string page = read_source("daemon/airlock.toml.5.rst");
  int examples = 0;
  for (std::size_t at = page.find("::\n\n    "); at != std::string::npos;
       at = page.find("::\n\n    ", at)) {
    at += 4;
    std::string example;
    while (page.compare(at, 4, "    ") == 0 || page[at] == '\n') {
      const std::size_t end = page.find('\n', at);
      example += page.substr(std::min(at + 4, end), end - std::min(at + 4, end)) + "\n";
      at = end + 1;
    }
    Settings settings;
    const auto parsed = parse_settings(example, "example", settings);
    EXPECT_TRUE(parsed) << parsed.error().message() << "\n" << example;
    ++examples;
  }
  EXPECT_GE(examples, 4);
}

}  // namespace
}  // namespace airlock::policy_test
