// SPDX-License-Identifier: GPL-2.0-or-later
// Layers, masks, and the settings that stay in force after a mistake.
#include <fcntl.h>

#include "daemon/policy/toml_document.h"
#include "tests/unit/policy_places.h"

namespace airlock::policy_test {
namespace {

class SettingsFiles : public PlacesTest {};

TEST_F(SettingsFiles, NoFilesAreBuiltInSettings) {
  const SettingsLoad load = load_settings(places_);
  EXPECT_EQ(error_of(load), "no error");
  EXPECT_EQ(load.settings.automount.value, Automount::kOn);
  EXPECT_FALSE(load.settings.mending);
}

TEST_F(SettingsFiles, WhatIsReadLaterWins) {
  const auto automount_after = [&](const std::string& file, std::string_view word) {
    write(file, fmt::format("automount = \"{}\"\n", word));
    const SettingsLoad load = load_settings(places_);
    EXPECT_EQ(error_of(load), "no error");
    return where(load.settings.automount.origin);
  };
  EXPECT_EQ(automount_after("usr/airlock.toml", "off"), "/usr/airlock.toml:1");
  EXPECT_EQ(automount_after("usr/airlock.toml.d/20-b.toml", "on"),
            "/usr/airlock.toml.d/20-b.toml:1");
  EXPECT_EQ(automount_after("usr/airlock.toml.d/10-a.toml", "off"),
            "/usr/airlock.toml.d/20-b.toml:1");
  EXPECT_EQ(automount_after("etc/airlock.toml", "ask"), "/etc/airlock.toml:1");
  EXPECT_EQ(automount_after("etc/airlock.toml.d/10-z.toml", "off"),
            "/etc/airlock.toml.d/10-z.toml:1");
}

TEST_F(SettingsFiles, RulesComeInTheOrderOfTheFiles) {
  const auto rule = [](std::string_view name) {
    return fmt::format("[[rule]]\nname = \"{}\"\nmatch.bus = \"usb\"\nsync = true\n", name);
  };
  write("etc/airlock.toml.d/50.toml", rule("e") + rule("f"));
  write("etc/airlock.toml", rule("d"));
  write("usr/airlock.toml.d/90.toml", rule("c"));
  write("usr/airlock.toml.d/10.toml", rule("b"));
  write("usr/airlock.toml", rule("a"));
  std::string order;
  for (const Rule& one : load_settings(places_).settings.rules) order += one.name;
  EXPECT_EQ(order, "abcdef");
}

TEST_F(SettingsFiles, ADropInOfTheAdministratorMasksTheVendorsOfThatName) {
  write("usr/airlock.toml.d/10-a.toml", "automount = \"off\"\nsync = true\n");
  write("usr/airlock.toml.d/20-b.toml", "exec = true\n");
  write("etc/airlock.toml.d/10-a.toml", "");
  const SettingsLoad load = load_settings(places_);
  EXPECT_EQ(error_of(load), "no error");
  EXPECT_EQ(load.settings.automount.value, Automount::kOn);
  EXPECT_FALSE(load.settings.sync.value);
  EXPECT_TRUE(load.settings.exec.value);
}

TEST_F(SettingsFiles, AMaskedFileMayBeWrong) {
  write("usr/airlock.toml.d/10-a.toml", "nonsense");
  EXPECT_TRUE(load_settings(places_).error);
  write("etc/airlock.toml.d/10-a.toml", "# not on this machine\n");
  EXPECT_FALSE(load_settings(places_).error);
}

TEST_F(SettingsFiles, OnlyNamesThatEndInTomlAreRead) {
  for (const char* name : {"a.toml~", ".a.toml", "a.toml.dpkg-new", "README", "a.conf"})
    write(std::string("etc/airlock.toml.d/") + name, "nonsense");
  EXPECT_EQ(error_of(load_settings(places_)), "no error");
}

TEST_F(SettingsFiles, AMistakeAtTheStartLeavesTheVendorsWithoutAutomount) {
  write("usr/airlock.toml", "sync = true\n");
  write("etc/airlock.toml", "exec = true\nautomount = \"yes\"\n");
  const SettingsLoad load = load_settings(places_);
  EXPECT_EQ(error_of(load),
            "/etc/airlock.toml:2:13: automount is \"on\", \"off\" or \"ask\", not \"yes\"");
  EXPECT_TRUE(load.settings.sync.value);
  EXPECT_FALSE(load.settings.exec.value);  // nothing of the broken layer
  EXPECT_TRUE(load.settings.mending);
  EXPECT_EQ(load.settings.uncontained.value, Uncontained::kRefuse);
}

TEST_F(SettingsFiles, AMistakeOfTheVendorLeavesWhatIsBuiltIn) {
  write("usr/airlock.toml", "sync = true\nnonsense = 1\n");
  write("etc/airlock.toml", "exec = true\n");
  const SettingsLoad load = load_settings(places_);
  EXPECT_TRUE(error_of(load).starts_with("/usr/airlock.toml:2:1: there is no setting"));
  EXPECT_FALSE(load.settings.sync.value);
  EXPECT_FALSE(load.settings.exec.value);
  EXPECT_TRUE(load.settings.mending);
}

TEST_F(SettingsFiles, AMistakeLaterKeepsEverythingAsItWas) {
  write("etc/airlock.toml", "sync = true\n");
  Settings in_force = load_settings(places_).settings;
  write("etc/airlock.toml", "sync = false\nexec = true\n");
  write("etc/airlock.toml.d/10.toml", "owner = 3\n");
  SettingsLoad load = reload_settings(places_, in_force);
  EXPECT_EQ(error_of(load), "/etc/airlock.toml.d/10.toml:1:9: owner is a string, not a number");
  EXPECT_TRUE(load.settings.sync.value);
  EXPECT_FALSE(load.settings.exec.value);
  EXPECT_FALSE(load.settings.mending);

  remove("etc/airlock.toml.d");
  load = reload_settings(places_, load.settings);
  EXPECT_EQ(error_of(load), "no error");
  EXPECT_FALSE(load.settings.sync.value);
  EXPECT_TRUE(load.settings.exec.value);
}

TEST_F(SettingsFiles, MendingEndsWithTheMistake) {
  write("etc/airlock.toml", "nonsense");
  Settings settings = load_settings(places_).settings;
  EXPECT_TRUE(settings.mending);
  settings = reload_settings(places_, settings).settings;
  EXPECT_TRUE(settings.mending);
  write("etc/airlock.toml", "");
  EXPECT_FALSE(reload_settings(places_, settings).settings.mending);
}

TEST_F(SettingsFiles, WhatWasSwitchedByHandStays) {
  Settings settings = load_settings(places_).settings;
  settings.switched = Automount::kAsk;
  write("etc/airlock.toml", "automount = \"on\"\n");
  EXPECT_EQ(reload_settings(places_, settings).settings.switched, Automount::kAsk);
}

TEST_F(SettingsFiles, OnlyRegularFilesCount) {
  write("etc/real", "exec = true\n");
  std::filesystem::create_symlink(path("etc/real"), path("etc/airlock.toml"));
  EXPECT_EQ(error_of(load_settings(places_)),
            "/etc/airlock.toml: is a symbolic link, but must be a regular file");
  remove("etc/airlock.toml");
  ASSERT_EQ(mkfifo(path("etc/airlock.toml").c_str(), 0644), 0);
  EXPECT_EQ(error_of(load_settings(places_)), "/etc/airlock.toml: is not a regular file");
  remove("etc/airlock.toml");
  make_folder("etc/airlock.toml.d/10-x.toml");
  EXPECT_EQ(error_of(load_settings(places_)),
            "/etc/airlock.toml.d/10-x.toml: is not a regular file");
}

TEST_F(SettingsFiles, NobodyElseMayWriteThem) {
  write("etc/airlock.toml", "exec = true\n");
  chmod(path("etc/airlock.toml").c_str(), 0664);
  EXPECT_EQ(
      error_of(load_settings(places_)),
      "/etc/airlock.toml: users other than its owner can write to it (mode 0664); try: chmod go-w "
      "/etc/airlock.toml");
  chmod(path("etc/airlock.toml").c_str(), 0644);
  chmod(path("etc").c_str(), 0777);
  EXPECT_EQ(error_of(load_settings(places_)),
            "/etc: users other than its owner can write to it (mode 0777); try: chmod go-w /etc");
  chmod(path("etc").c_str(), 0755);
  write("etc/airlock.toml.d/10.toml", "");
  chmod(path("etc/airlock.toml.d").c_str(), 0757);
  EXPECT_TRUE(
      error_of(load_settings(places_)).starts_with("/etc/airlock.toml.d: users other than"));
  chmod(path("etc/airlock.toml.d").c_str(), 0755);
  EXPECT_EQ(error_of(load_settings(places_)), "no error");
}

TEST_F(SettingsFiles, AreBounded) {
  write("etc/airlock.toml", std::string(kMostSettingsBytes + 1, '\n'));
  EXPECT_EQ(error_of(load_settings(places_)), "/etc/airlock.toml: it is longer than 1048576 bytes");
  write("etc/airlock.toml", std::string(kMostSettingsBytes, '\n'));
  EXPECT_EQ(error_of(load_settings(places_)), "no error");
  for (std::size_t i = 0; i <= kMostSettingsFiles; ++i)
    write(fmt::format("etc/airlock.toml.d/{}.toml", i), "");
  EXPECT_EQ(error_of(load_settings(places_)), "/etc/airlock.toml.d: there are more than 256 files");
}

}  // namespace
}  // namespace airlock::policy_test
