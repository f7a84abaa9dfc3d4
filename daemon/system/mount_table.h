// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// One line of /proc/self/mountinfo. Paths are unescaped and may contain anything: quote() them.
struct MountEntry {
  int id = 0;
  int parent = 0;
  dev_t device = 0;
  std::string root;  // the folder of the filesystem that is shown, "/" except for bind mounts
  std::string mount_point;
  std::string options;   // of this mount: "rw,nosuid"
  int shared_group = 0;  // mounts and unmounts spread within this group; 0: none
  int master_group = 0;  // it receives those of this group; 0: none
  std::string type;      // "fuse.airlock.ext4"
  std::string source;
  std::string super_options;  // of the filesystem: "rw,user_id=1000"
};

// Reads a mount table from a file; leaves out invalid lines.
Result<std::vector<MountEntry>> read_mount_table(const std::string& file);
std::vector<MountEntry> parse_mount_table(std::string_view text);

// Whether one of our drivers serves or served it.
bool is_airlock_mount(const MountEntry& entry);

// Whether the kernel or root wrote the source column. A user who mounts a FUSE server may write
// anything into it, even the name of another device.
bool has_honest_source(const MountEntry& entry);

// The first mount of a block device that none of our drivers serves: the kernel reads the medium,
// or a program with the rights to open it. A filesystem that has a device number of its own (btrfs)
// is known by its source. nullptr if there is none.
const MountEntry* mount_without_us(const std::vector<MountEntry>& table, dev_t device,
                                   std::string_view node);

// Whether a list such as "rw,user_id=1000" has the word; and the number after "user_id=".
bool has_option(std::string_view options, std::string_view word);
std::optional<std::uint64_t> option_number(std::string_view options, std::string_view key);

// Decides whom the kernel lets into a FUSE filesystem: root and the owner, or everybody.
struct MountOwner {
  uid_t user = 0;
  gid_t group = 0;
  bool allows_others = false;
  [[nodiscard]] bool lets_in(uid_t who) const { return allows_others || who == 0 || who == user; }
};
// Nothing if the table does not contain it.
std::optional<MountOwner> owner_of(const std::vector<MountEntry>& table, dev_t filesystem);

// The mount that a path leads into according to its text, because walking there might hang: the
// deepest, and of several at one place the last. nullptr if there is none.
const MountEntry* mount_below(const std::vector<MountEntry>& table, std::string_view path);

// Decodes octal escapes as the kernel writes them (\040 for a space).
std::string unescape_octal(std::string_view text);

}  // namespace airlock
