// SPDX-License-Identifier: GPL-2.0-or-later
// The decisions of airlockd about a medium, as tables: settings, medium and caller, outcome.
#include "tests/unit/policy_facts.h"

namespace airlock::policy_test {
namespace {

Medium stick() {
  return Medium::stick();
}

TEST(Policy, MountsAStickOfWhoeverSitsThere) {
  expect_rows({
      {"", stick(), "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on"},
      {"", stick().without_fuseblk(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec (plain): automount is on"},
      {"automount = \"on\"", stick(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on [test.toml:1]"},
  });
}

TEST(Policy, LeavesAloneWhatIsNotForIt) {
  expect_rows({
      {"", stick().device(&Device::ignored, true), "ignore: udev says to ignore it"},
      {"", stick().device(&Device::system_reason, std::string("/etc/fstab names it")),
       "ignore: it belongs to the system: /etc/fstab names it"},
      {"",
       stick().device(&Device::users,
                      std::vector<std::string>{"mounted on \"/mnt\"", "swapped on"}),
       "ignore: it is in use: mounted on \"/mnt\", swapped on"},
      {"", stick().device(&Device::has_partitions, true),
       "ignore: it has partitions, which are mounted one by one"},
      {"", stick().usage(ProbeUsage::kPartitionTable),
       "ignore: it has partitions, which are mounted one by one"},
      {"", stick().device(&Device::size, std::uint64_t{0}), "ignore: there is no medium in it"},
      {"", stick().device(&Device::removable, false), "leave: it is not removable"},
      {"", Medium::image(), "leave: images are mounted only when somebody asks"},
  });
}

TEST(Policy, LeavesToTheDesktopWhatItMountsThroughUdisks) {
  const auto left = [] { return stick().device(&Device::left_to_udisks, true); };
  const char* const kLeft =
      "leave: the desktop mounts it through udisks, with the driver of Airlock";
  expect_rows({
      {"", left(), kLeft},
      {"[[rule]]\nname = \"careful\"\nmatch.type = \"ext4\"\nread-only = true", left(), kLeft},
      // A setting that has Airlock mount it means Airlock.
      {"automount = \"on\"", left(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on [test.toml:1]"},
      {"automount = \"off\"", left(), "leave: automount is off [test.toml:1]"},
      {"", left().alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for"},
      {"", left().holds("ntfs"), "leave: there is no driver for \"ntfs\""},
  });
}

TEST(Policy, WaitsForSomebodyToBeThere) {
  expect_rows({
      {"", stick().locked(), "wait: the session is locked"},
      {"", stick().nobody(), "wait: nobody is logged in at its seat"},
      {"", stick().nobody().not_probed(), "wait: nobody is logged in at its seat"},
      {"automount = \"off\"", stick().locked(), "wait: the session is locked"},
      // A medium that will never be mounted does not wait.
      {"", stick().locked().device(&Device::ignored, true), "ignore: udev says to ignore it"},
      {"", stick().locked().device(&Device::removable, false), "leave: it is not removable"},
      // An explicit request counts as presence.
      {"", stick().locked().alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for"},
  });
}

TEST(Policy, NamesWhatItCannotMount) {
  expect_rows({
      {"", stick().not_probed(), "leave: it has not been examined yet"},
      {"", stick().usage(ProbeUsage::kNothing), "leave: there is no filesystem on it"},
      {"", stick().holds("ntfs"), "leave: there is no driver for \"ntfs\""},
      {"", stick().holds("a\nb"), "leave: there is no driver for \"a\\x0ab\""},
      {"", stick().holds("crypto_LUKS").usage(ProbeUsage::kCrypto),
       "leave: it is encrypted (\"crypto_LUKS\"); unlock it with another tool first"},
      {"", stick().holds("linux_raid_member").usage(ProbeUsage::kRaid),
       "leave: it is a member of a larger volume (\"linux_raid_member\")"},
      {"", stick().holds("swap").usage(ProbeUsage::kOther),
       "leave: it holds \"swap\", which is not a filesystem"},
      {"drivers.disabled = [\"iso9660\"]", stick().holds("iso9660"),
       "leave: the driver iso9660 for \"iso9660\" is disabled in the settings [test.toml:1]"},
      {"automount = \"off\"", stick().holds("ntfs"), "leave: there is no driver for \"ntfs\""},
  });
}

TEST(Policy, LeavesToOthersWhatAnAdaptedProgramIsMissingFor) {
  constexpr auto kMissing = "install the package scribe-tools to read this medium";
  expect_rows({
      {"", stick().holds("befs"),
       "mount befs by scribe for alice at BACKUP: rw,noexec: automount is on"},
      {"", stick().holds("befs").lacks(kMissing),
       "leave: install the package scribe-tools to read this medium"},
      {"", stick().holds("befs").lacks(kMissing).alice(),
       "refuse (Unsupported): install the package scribe-tools to read this medium"},
      // What only an adapted one needs is not in the way of ours.
      {"", stick().lacks(kMissing),
       "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on"},
  });
}

TEST(Policy, MountsWhatAnAdaptedProgramOnlyReadsIfSomebodyAsksOrSaysSo) {
  expect_rows({
      {"", stick().holds("bfs"),
       "leave: lector can only read it, so it is mounted when somebody asks"},
      {"", stick().holds("bfs").device(&Device::read_only, true),
       "mount bfs by lector for alice at BACKUP: ro,noexec: automount is on; read-only: the medium "
       "is write-protected"},
      {"automount = \"on\"", stick().holds("bfs"),
       "mount bfs by lector for alice at BACKUP: ro,noexec: automount is on; read-only: the "
       "driver lector can only read [test.toml:1]"},
      {"", stick().holds("bfs").alice(),
       "mount bfs by lector for alice at BACKUP: ro,noexec if mount-removable: it was asked for; "
       "read-only: the driver lector can only read"},
  });
}

TEST(Policy, RefusesWhatNobodyContainsIfTheSettingsSaySo) {
  const char* const kRefuse = "uncontained = \"refuse\"";
  const auto udf = [] { return stick().holds("udf"); };
  expect_rows({
      {kRefuse, udf(),
       "refuse (Unsupported): there is no driver for \"udf\"; uncontained = \"refuse\" keeps "
       "others "
       "from it [test.toml:1]"},
      {kRefuse, udf().alice(),
       "refuse (Unsupported): there is no driver for \"udf\"; uncontained = \"refuse\" keeps "
       "others "
       "from it [test.toml:1]"},
      {kRefuse, udf().device(&Device::left_to_udisks, true),
       "refuse (Unsupported): there is no driver for \"udf\"; uncontained = \"refuse\" keeps "
       "others "
       "from it [test.toml:1]"},
      {kRefuse, stick().holds("befs").lacks("install the package scribe-tools to read this medium"),
       "refuse (Unsupported): install the package scribe-tools to read this medium; uncontained = "
       "\"refuse\" keeps others from it [test.toml:1]"},
      {"uncontained = \"refuse\"\ndrivers.disabled = [\"iso9660\"]", stick().holds("iso9660"),
       "refuse (Unsupported): the driver iso9660 for \"iso9660\" is disabled in the settings; "
       "uncontained = \"refuse\" keeps others from it [test.toml:1]"},
      // There is nobody to leave it to.
      {kRefuse, stick().holds("bfs"),
       "mount bfs by lector for alice at BACKUP: ro,noexec: automount is on; read-only: the driver "
       "lector can only read"},
      // Not removable: none of its business.
      {kRefuse, udf().device(&Device::removable, false), "leave: it is not removable"},
      {kRefuse, Medium::image().holds("udf").alice(),
       "refuse (Unsupported): there is no driver for \"udf\""},
      {kRefuse, stick(), "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on"},
      {"uncontained = \"warn\"", udf(), "leave: there is no driver for \"udf\""},
      {"uncontained = \"allow\"", udf(), "leave: there is no driver for \"udf\""},
  });
}

TEST(Policy, RefusesWhoAsksWhereItWouldLeaveAlone) {
  expect_rows({
      {"", stick().usage(ProbeUsage::kNothing).alice(),
       "refuse (WrongFormat): there is no filesystem on it"},
      {"", stick().holds("ntfs").alice(), "refuse (Unsupported): there is no driver for \"ntfs\""},
      {"", stick().holds("crypto_LUKS").usage(ProbeUsage::kCrypto).alice(),
       "refuse (Unsupported): it is encrypted (\"crypto_LUKS\"); unlock it with another tool "
       "first"},
      {"", stick().device(&Device::has_partitions, true).alice(),
       "refuse (WrongFormat): it has partitions, which are mounted one by one"},
      {"", stick().device(&Device::size, std::uint64_t{0}).alice(),
       "refuse (NotFound): there is no medium in it"},
      {"", stick().device(&Device::users, std::vector<std::string>{"swapped on"}).root(),
       "refuse (Busy): it is in use: swapped on"},
  });
}

TEST(Policy, RefusesToGuessBetweenTwoFormats) {
  Medium medium = stick();
  medium.facts().probe->ambivalent = true;
  const std::string refused = "refuse (Corrupted): it is ambiguous: several formats detected";
  expect_rows({{"", medium, refused}, {"", medium.alice(), refused}});
}

TEST(Policy, ChecksWhatWasNotUnmountedAndWhatTheSettingsSay) {
  constexpr auto kPlain = "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on";
  constexpr auto kGlance =
      "mount ext4 by ext for alice at BACKUP: rw,noexec after a glance: automount is on";
  constexpr auto kCheck =
      "mount ext4 by ext for alice at BACKUP: rw,noexec after a check: automount is on";
  const auto dirty = [] { return stick().state(MediumState::kDirty); };
  expect_rows({
      {"", stick(), kPlain},
      {"", stick().state(MediumState::kUnknown), kPlain},
      {"", dirty(), kGlance},
      {"check = \"never\"", dirty(), kPlain},
      {"check = \"always\"", stick(), kCheck},
      {"check = \"always\"", dirty(), kCheck},
      // A read-only mount needs no check.
      {"read-only = true", dirty(),
       "mount ext4 by ext for alice at BACKUP: ro,noexec: automount is on; read-only: test.toml:1 "
       "says so"},
      {"", dirty().alice({"ro"}),
       "mount ext4 by ext for alice at BACKUP: ro,noexec if mount-removable: it was asked for"},
      {"", dirty().alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec after a glance if mount-removable: it was "
       "asked for"},
      {"[[rule]]\nname = \"r\"\nmatch.type = \"ext*\"\ncheck = \"always\"", stick(), kCheck},
      {"[[rule]]\nname = \"r\"\nmatch.type = \"vfat\"\ncheck = \"always\"", stick(), kPlain},
  });
}

TEST(Policy, MountsReadOnlyWhatMustNotBeWritten) {
  expect_rows({
      {"", stick().state(MediumState::kHibernated),
       "mount ext4 by ext for alice at BACKUP: ro,noexec: automount is on; read-only: it holds a "
       "hibernated system, which writing would destroy"},
      {"", stick().state(MediumState::kErrors),
       "mount ext4 by ext for alice at BACKUP: ro,noexec: automount is on; read-only: the "
       "filesystem has errors; check it before writing"},
      {"", stick().device(&Device::read_only, true),
       "mount ext4 by ext for alice at BACKUP: ro,noexec: automount is on; read-only: the medium "
       "is write-protected"},
      {"", stick().holds("iso9660"),
       "mount iso9660 by iso9660 for alice at BACKUP: ro,noexec: automount is on; read-only: the "
       "driver iso9660 can only read"},
      {"read-only = true", stick(),
       "mount ext4 by ext for alice at BACKUP: ro,noexec: automount is on; read-only: test.toml:1 "
       "says so"},
      // mount(8) always says rw, so rw does not turn this into an error.
      {"", stick().device(&Device::read_only, true).alice({"rw"}),
       "mount ext4 by ext for alice at BACKUP: ro,noexec if mount-removable: it was asked for; "
       "read-only: the medium is write-protected"},
      {"", stick().state(MediumState::kHibernated).alice({"ro"}),
       "mount ext4 by ext for alice at BACKUP: ro,noexec if mount-removable: it was asked for"},
  });
}

TEST(Policy, AsksForTheActionThatFitsPlaceAndPerson) {
  expect_rows({
      {"", stick().alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for"},
      {"", stick().bob(),
       "mount ext4 by ext for bob at BACKUP: rw,noexec if mount-other-seat: it was asked for"},
      {"", stick().carol(),
       "mount ext4 by ext for carol at BACKUP: rw,noexec if mount-other-seat: it was asked for"},
      {"", stick().root(),
       "mount ext4 by ext for root at BACKUP: rw,noexec if mount-other-seat: it was asked for"},
      {"", stick().device(&Device::removable, false).alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-system: it was asked for"},
      {"", stick().device(&Device::ignored, true).alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-system: it was asked for"},
      {"", stick().device(&Device::system_reason, std::string("/etc/fstab names it")).alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-system: it was asked for"},
      {"", Medium::image().alice(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec (plain) if mount-image: it was asked for"},
      {"", Medium::image().bob(), "refuse (NotPermitted): somebody else opened this image"},
      {"", Medium::image().root(),
       "mount ext4 by ext for root at BACKUP: rw,noexec (plain) if mount-image: it was asked for"},
  });
}

TEST(Policy, AnUnknownFactLeadsToTheNarrowerAnswer) {
  Medium nobodys_image = Medium::image().alice();
  nobodys_image.facts().image_owner.reset();
  Medium nobody_asks = stick().alice();
  nobody_asks.facts().request.caller.reset();
  Medium unnamed = stick();
  unnamed.facts().session.user_name.clear();
  Medium oddly_named = stick();
  oddly_named.facts().session.user_name = "../bob";
  expect_rows({
      {"", nobodys_image, "refuse (NotPermitted): somebody else opened this image"},
      {"", nobody_asks, "refuse (NotPermitted): the caller is unknown"},
      {"", unnamed, "mount ext4 by ext for 1000 at BACKUP: rw,noexec: automount is on"},
      {"", oddly_named, "mount ext4 by ext for 1000 at BACKUP: rw,noexec: automount is on"},
  });
  Facts nothing;
  EXPECT_EQ(line(decide(Settings{}, nothing, kDrivers)),
            "refuse (NotPermitted): the caller is unknown");
  nothing.request.automatic = true;
  nothing.device = Device{};
  EXPECT_EQ(line(decide(Settings{}, nothing, kDrivers)), "ignore: there is no medium in it");
}

TEST(Policy, GivesACallerOptionsThatMakeSense) {
  const auto mounted = [](std::string_view how) {
    return fmt::format("mount ext4 by ext for alice at BACKUP: {}: it was asked for", how);
  };
  const std::vector<std::pair<std::vector<std::string>, std::string>> rows{
      {{"rw", "defaults", "", "nosuid", "nodev", "relatime"}, "rw,noexec if mount-removable"},
      {{"ro"}, "ro,noexec if mount-removable"},
      {{"ro", "rw"}, "rw,noexec if mount-removable"},
      {{"noexec"}, "rw,noexec if mount-removable"},
      {{"exec"}, "rw,exec if mount-removable if mount-options"},
      {{"exec", "allow_other"}, "rw,exec,allow_other if mount-removable if mount-options"},
      {{"sync", "noatime", "nosymfollow"}, "rw,noexec,noatime,nosymfollow,sync if mount-removable"},
      {{"owner=media"}, "rw,noexec,owner=media if mount-removable"},
      {{"plain"}, "rw,noexec (plain) if mount-removable"},
      {{"uid=1000", "gid=1000"}, "rw,noexec if mount-removable"},
  };
  for (const auto& [options, how] : rows) expect_rows({{"", stick().alice(options), mounted(how)}});
}

TEST(Policy, RefusesOptionsByName) {
  expect_rows({
      {"", stick().alice({"suid"}),
       "refuse (NotPermitted): option suid is never allowed: media are always nosuid,nodev"},
      {"", stick().root({"dev"}),
       "refuse (NotPermitted): option dev is never allowed: media are always nosuid,nodev"},
      {"", stick().alice({"umask=8"}),
       "refuse (InvalidArgument): option umask wants an octal mask up to 777, not \"8\""},
      {"", stick().alice({"umask=0"}),
       "refuse (Unsupported): option fmask=0 is for FAT and exFAT, this is ext4"},
      {"", stick().alice({"fd=3"}), "refuse (InvalidArgument): option \"fd=3\" is not known"},
      {"", stick().alice({"ro\n"}), "refuse (InvalidArgument): option \"ro\\x0a\" is not known"},
      {"", stick().alice({"owner=root"}),
       "refuse (InvalidArgument): option owner is user or media, not \"root\""},
      {"", stick().alice({"uid=0"}), "refuse (NotPermitted): option uid is only for root"},
      {"", stick().alice({"gid=0"}), "refuse (NotPermitted): option gid is only for root"},
      {"", stick().root({"uid=-1"}),
       "refuse (InvalidArgument): option uid needs a number, not \"-1\""},
      {"", stick().root({"uid=4294967295"}),
       "refuse (InvalidArgument): option uid needs a number, not \"4294967295\""},
      {"", stick().alice({"remount"}),
       "refuse (Unsupported): a mount cannot be changed: unmount it and mount it again"},
  });
}

TEST(Policy, TellsDriversOfForeignMediaWhatTheyHaveToKnow) {
  const auto by_itself = [](std::string_view how) {
    return fmt::format("mount vfat by fat for alice at BACKUP: {}: automount is on", how);
  };
  const auto asked = [](std::string_view how) {
    return fmt::format(
        "mount vfat by fat for alice at BACKUP: {} if mount-removable: it was asked for", how);
  };
  const auto fat = [] { return stick().holds("vfat"); };
  const std::string settings = "options = [\"noatime\", \"fmask=133\"]\n";
  expect_rows({
      {"", fat(), by_itself("rw,noexec")},
      {"", fat().in_zone(-90), by_itself("rw,noexec,time_offset=-90")},
      {"", stick().in_zone(-90),
       "mount ext4 by ext for alice at BACKUP: rw,noexec: automount is on"},
      {"", fat().in_zone(60).alice({"tz=UTC"}), asked("rw,noexec,time_offset=0")},
      {"", fat().alice({"umask=022", "codepage=850", "windows_names"}),
       asked("rw,noexec,fmask=22,dmask=22,codepage=850,windows_names")},
      {settings, fat(), by_itself("rw,noexec,noatime,fmask=133")},
      {settings, fat().alice({"dmask=22"}), asked("rw,noexec,noatime,fmask=133,dmask=22")},
      {settings, fat().alice({"fmask=0"}),
       "refuse (NotPermitted): the options are noatime,fmask=133: test.toml:1 says so "
       "[test.toml:1]"},
      {settings, stick(),
       "mount ext4 by ext for alice at BACKUP: rw,noexec,noatime: automount is on"},
  });
}

TEST(Policy, LetsRootMountForSomebodyElse) {
  const Decision for_session =
      decide(Settings{}, stick().root({"uid=1000", "gid=1000"}).facts(), kDrivers);
  const auto& known = std::get<MountDecision>(for_session.what);
  EXPECT_EQ(known.user, 1000u);
  EXPECT_EQ(known.group, 1000u);
  EXPECT_EQ(known.user_name, "alice");
  // The name of an unknown user is not made up, and is never root's.
  const Decision for_other = decide(Settings{}, stick().root({"uid=1234"}).facts(), kDrivers);
  EXPECT_EQ(std::get<MountDecision>(for_other.what).user_name, "1234");
}

TEST(Policy, HoldsACallerToTheTypeTheMediumHas) {
  const std::string mounted =
      "mount ext4 by ext for alice at BACKUP: rw,noexec if mount-removable: it was asked for";
  expect_rows({
      {"", stick().alice().as_type("ext4"), mounted},
      {"", stick().alice().as_type("ext"), mounted},
      {"", stick().alice().as_type("auto"), mounted},
      {"", stick().alice().as_type("ext3"),
       "refuse (WrongFormat): it holds \"ext4\", not \"ext3\""},
      {"", stick().alice().as_type("iso9660"),
       "refuse (WrongFormat): it holds \"ext4\", not \"iso9660\""},
  });
}

TEST(Policy, DoesNotMountByItselfWhenToldNotTo) {
  Settings off;
  off.switched = Automount::kOff;
  EXPECT_EQ(line(decide(off, stick().facts(), kDrivers)), "leave: automount was switched by hand");
  Settings rule_says_on =
      settings_from("[[rule]]\nname = \"mine\"\nmatch.bus = \"usb\"\nautomount = \"on\"\n");
  rule_says_on.switched = Automount::kAsk;
  EXPECT_EQ(line(decide(rule_says_on, stick().facts(), kDrivers)),
            "ask: automount was switched by hand");
  rule_says_on.switched.reset();
  rule_says_on.mending = true;
  EXPECT_EQ(line(decide(rule_says_on, stick().facts(), kDrivers)),
            "leave: the settings have an error that must be fixed first");
  // An explicit request is served all the same.
  EXPECT_EQ(to_word(decide(rule_says_on, stick().alice().facts(), kDrivers)), "mount");
}

TEST(Policy, SwitchingAutomountOnDoesNotOverruleARule) {
  Settings settings = settings_from(
      "automount = \"off\"\n[[rule]]\nname = \"keep out\"\nmatch.label = \"SECRET\"\nautomount = "
      "\"off\"\n");
  settings.switched = Automount::kOn;
  EXPECT_EQ(to_word(decide(settings, stick().facts(), kDrivers)), "mount");
  EXPECT_EQ(line(decide(settings, stick().label("SECRET").facts(), kDrivers)),
            "leave: automount is off [test.toml:2 \"keep out\"]");
}

}  // namespace
}  // namespace airlock::policy_test
