// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/protocol/foreign_options.h"

namespace airlock {

// Whose the files of a medium with its own owners appear to be.
enum class OwnerMapping {
  kUser,   // everything belongs to the mounting user
  kMedia,  // as the medium says
};

enum class Transport {
  kAutomatic,  // fuseblk for block devices where the kernel has it
  kPlain,      // fuse in any case
};

// What follows -o, as mount(8) hands it to a helper, understood. Pure: looks nothing up.
struct MountOptions {
  std::uint32_t flags = 0;  // MS_ bits; nosuid and nodev are always among them
  bool allow_other = false;
  Transport transport = Transport::kAutomatic;
  OwnerMapping owner = OwnerMapping::kUser;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  ForeignOptions foreign;
  std::vector<std::string> notices;  // what was asked for and will not be done
  std::string helper;                // the service that asks, of uhelper=: "udisks2"

  [[nodiscard]] bool read_only() const;
  // What goes to the driver beside flags, user and group. `local_zone`, in minutes, is for a driver
  // that wants to know it and counts where nothing else was asked for.
  [[nodiscard]] std::vector<std::string> words_for_driver(std::optional<int> local_zone) const;
};

enum class UnknownOptions { kRefuse, kIgnore };

// The later of two contradicting options counts. A name nobody knows is an error that names it.
Result<MountOptions> parse_mount_options(std::string_view text,
                                         UnknownOptions unknown = UnknownOptions::kRefuse);

// Those airlockd has to know of. It is not told rw, which udisks says whatever was asked for, so
// that settings may still make a mount read-only.
std::string options_for_airlockd(std::string_view text);

}  // namespace airlock
