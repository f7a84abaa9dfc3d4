// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace airlock {

enum class Automount { kOff, kAsk, kOn };  // ordered by what they allow
enum class FileOwner { kUser, kMedia };
enum class Heal { kOn, kOff };                         // whether a driver that died is replaced
enum class CheckWhen { kNever, kWhenDirty, kAlways };  // before a read-write mount
// What becomes of a removable medium that others could mount without a driver of ours.
enum class Uncontained { kAllow, kWarn, kRefuse };

std::string_view to_word(Automount automount);
std::string_view to_word(FileOwner owner);
std::string_view to_word(Heal heal);
std::string_view to_word(CheckWhen check);
std::string_view to_word(Uncontained uncontained);

// Where a value was written. Empty `file`: it is built in.
struct Origin {
  std::string file;
  std::uint32_t line = 0;
  std::string rule;  // name of the rule that contains it; empty: none

  [[nodiscard]] bool built_in() const { return file.empty(); }
  // "built-in", "/etc/airlock/airlock.toml:3", or with a rule `/etc/...:12 "my camera"`.
  [[nodiscard]] std::string text() const;
};

// A value and where it comes from, so that every decision can name the line behind it.
template <typename T>
struct Setting {
  using value_type = T;
  T value{};
  Origin origin;
};

// Settings that a file can give for every medium, and a rule for some. `Of` is Setting, or
// std::optional where a setting may be missing.
template <template <typename> typename Of>
struct MediumSettings {
  Of<Automount> automount{};
  Of<bool> read_only{};
  Of<bool> exec{};
  Of<bool> allow_other{};
  Of<bool> sync{};
  Of<FileOwner> owner{};
  Of<std::vector<std::string>> options{};
  Of<CheckWhen> check{};
  Of<Heal> heal{};
};

// Adds the settings that only rules have.
template <template <typename> typename Of>
struct RuleSettings : MediumSettings<Of> {
  Of<std::string> driver{};  // empty: by type
  Of<std::string> folder{};  // empty: by label
  Of<bool> ignore{};
  Of<bool> removable{};  // the device's own value, unless a rule changes it
};

// Calls visit(key, member) for each of them: the key as written in a file, and a function that
// takes a MediumSettings and returns its member. All code that treats every setting goes through
// here.
template <typename Visit>
constexpr void each_medium_setting(Visit&& visit) {
  visit("automount", [](auto& all) -> auto& { return all.automount; });
  visit("read-only", [](auto& all) -> auto& { return all.read_only; });
  visit("exec", [](auto& all) -> auto& { return all.exec; });
  visit("allow-other", [](auto& all) -> auto& { return all.allow_other; });
  visit("sync", [](auto& all) -> auto& { return all.sync; });
  visit("owner", [](auto& all) -> auto& { return all.owner; });
  visit("options", [](auto& all) -> auto& { return all.options; });
  visit("check", [](auto& all) -> auto& { return all.check; });
  visit("heal", [](auto& all) -> auto& { return all.heal; });
}
template <typename Visit>
constexpr void each_rule_setting(Visit&& visit) {
  each_medium_setting(visit);
  visit("driver", [](auto& all) -> auto& { return all.driver; });
  visit("folder", [](auto& all) -> auto& { return all.folder; });
  visit("ignore", [](auto& all) -> auto& { return all.ignore; });
  visit("removable", [](auto& all) -> auto& { return all.removable; });
}

// The device or medium that a rule is for. Everything given must match; of a list, one entry.
struct RuleMatch {
  struct Text {
    std::string key;                    // "vendor", "label", "backing-file", ...
    std::vector<std::string> patterns;  // globs; at least one
  };
  std::vector<Text> texts;
  std::vector<std::string> kinds;  // "disk", "partition", "optical", "loop", "image"
  std::optional<bool> removable;   // as the device itself reports
  std::optional<std::uint64_t> min_size;
  std::optional<std::uint64_t> max_size;
};

// One [[rule]]: a match, and the settings for what matches. Settings that it does not mention stay
// as they were.
struct Rule : RuleSettings<std::optional> {
  std::string name;
  Origin origin;  // the line of [[rule]]
  RuleMatch match;
};

struct Deadlines {
  std::chrono::seconds mount{160};     // from a driver's first word to its mount
  std::chrono::seconds check{900};     // a large disk has many files to examine
  std::chrono::seconds silence{30};    // a driver that does not answer for this long is hung
  std::chrono::seconds heartbeat{10};  // how often a mount is asked for a sign of life; 0: never
};

struct Limits {
  std::uint32_t images_per_user = 16;
  std::uint32_t calls_per_user = 64;  // unanswered at the same time
  std::uint32_t volumes = 1024;
  std::uint32_t heals_per_minute = 3;  // of one mount
};

// Everything an administrator can choose, parsed and checked. A plain value: a copy never changes.
// The default constructed value applies without any file.
struct Settings : MediumSettings<Setting> {
  static constexpr std::string_view kBuiltinPlace = "builtin";

  Settings() {
    automount.value = Automount::kOn;
    check.value = CheckWhen::kWhenDirty;
  }

  // airlock-uncontained gives it to the udev rules, from the same files.
  Setting<Uncontained> uncontained{Uncontained::kWarn, {}};
  Setting<std::string> mount_base{"/run/media", {}};
  std::chrono::seconds idle_exit{60};  // 0: never
  Deadlines deadlines;
  Limits limits;
  // Where to look for drivers, first to last: directories of service sockets, and "builtin", which
  // is our own sandbox.
  std::vector<std::string> driver_order{"/run/airlock/drivers", "/run/filesystems", "/run/fuse",
                                        std::string(kBuiltinPlace)};
  Setting<std::vector<std::string>> disabled_drivers;
  std::vector<Rule> rules;  // in the order they were read; the last match wins

  // A switch while airlockd runs (Manager.SetAutomount), not written to any file. Off and ask
  // override rules, on does not.
  std::optional<Automount> switched;
  // The files could not be read when airlockd started: until they can, nothing is mounted
  // automatically, whatever a rule says.
  bool mending = false;
};

}  // namespace airlock
