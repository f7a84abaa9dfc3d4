// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace airlock {

enum class Automount { kOff, kAsk, kOn };  // in the order of what they allow
enum class FileOwner { kUser, kMedia };
enum class CheckWhen { kNever, kWhenDirty, kAlways };  // before a read-write mount

std::string_view to_word(Automount automount);
std::string_view to_word(FileOwner owner);
std::string_view to_word(CheckWhen check);

// Where a value was written. `file` empty: nowhere, it is built in.
struct Origin {
  std::string file;
  std::uint32_t line = 0;
  std::string rule;  // name of the rule it stands in; empty: none

  [[nodiscard]] bool built_in() const { return file.empty(); }
  // "built-in", "/etc/airlock/airlock.toml:3", or with a rule `/etc/...:12 "my camera"`.
  [[nodiscard]] std::string text() const;
};

// A value and where it comes from, so that every decision can name the line behind it.
template <typename T>
struct Setting {
  T value{};
  Origin origin;
};

// The device or medium a rule is for. Everything given must match; of a list, one entry.
struct RuleMatch {
  struct Text {
    std::string key;                    // "vendor", "label", "backing-file", ...
    std::vector<std::string> patterns;  // globs; at least one
  };
  std::vector<Text> texts;
  std::vector<std::string> kinds;  // "disk", "partition", "optical", "loop", "image"
  std::optional<bool> removable;   // what the device itself says
  std::optional<std::uint64_t> min_size;
  std::optional<std::uint64_t> max_size;
};

// One [[rule]]: a match, and what it says for what matches. What it does not mention stays as it
// was.
struct Rule {
  std::string name;
  Origin origin;  // the line of [[rule]]
  RuleMatch match;

  std::optional<Automount> automount;
  std::optional<bool> read_only;
  std::optional<bool> exec;
  std::optional<bool> allow_other;
  std::optional<bool> sync;
  std::optional<FileOwner> owner;
  std::optional<std::vector<std::string>> options;
  std::optional<std::string> driver;
  std::optional<std::string> folder;
  std::optional<CheckWhen> check;
  std::optional<bool> ignore;
  std::optional<bool> removable;
};

struct Deadlines {
  std::chrono::seconds mount{160};     // from a driver's first word to its mount
  std::chrono::seconds check{900};     // a large disk has many files to look at
  std::chrono::seconds silence{30};    // a driver that answers nothing for so long is hung
  std::chrono::seconds heartbeat{10};  // how often a mount is asked for a sign of life; 0: never
};

struct Limits {
  std::uint32_t images_per_user = 16;
  std::uint32_t calls_per_user = 64;  // unanswered at the same time
  std::uint32_t volumes = 1024;
};

// Everything an administrator can choose, understood and checked. A plain value: who holds a copy
// holds settings that never change under it. The default constructed one is what holds without
// any file.
struct Settings {
  static constexpr std::string_view kBuiltinPlace = "builtin";

  Setting<Automount> automount{Automount::kOn, {}};
  Setting<bool> read_only;
  Setting<bool> exec;
  Setting<bool> allow_other;
  Setting<bool> sync;
  Setting<FileOwner> owner;
  Setting<std::vector<std::string>> options;
  Setting<CheckWhen> check{CheckWhen::kWhenDirty, {}};

  Setting<std::string> mount_base{"/run/media", {}};
  std::chrono::seconds idle_exit{60};  // 0: never
  Deadlines deadlines;
  Limits limits;
  // Where drivers are looked for, first to last: directories of service sockets, and "builtin",
  // which is our own sandbox.
  std::vector<std::string> driver_order{"/run/airlock/drivers", "/run/filesystems", "/run/fuse",
                                        std::string(kBuiltinPlace)};
  Setting<std::vector<std::string>> disabled_drivers;
  std::vector<Rule> rules;  // in the order they were read; the last one that matches wins

  // What was switched while airlockd runs (Manager.SetAutomount), not written anywhere. Off and
  // ask also hold against rules, on does not.
  std::optional<Automount> switched;
  // The files could not be read when airlockd started: nothing is mounted by itself until they
  // can, whatever a rule says.
  bool mending = false;
};

}  // namespace airlock
