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

// The apparent owner of files on a medium with its own owners.
enum class OwnerMapping {
  kUser,   // everything belongs to the mounting user
  kMedia,  // as the medium says
};

enum class Transport {
  kAutomatic,  // fuseblk for block devices if the kernel has it
  kPlain,      // fuse in any case
};

// The parsed text after -o, as mount(8) passes it to a helper. Pure: looks nothing up.
struct MountOptions {
  std::uint32_t flags = 0;  // MS_ bits; nosuid and nodev are always among them
  bool allow_other = false;
  Transport transport = Transport::kAutomatic;
  OwnerMapping owner = OwnerMapping::kUser;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  ForeignOptions foreign;
  std::vector<std::string> notices;  // about requests that will not be fulfilled
  std::string helper;                // the calling service, from uhelper=: "udisks2"

  [[nodiscard]] bool read_only() const;
  // The words for the driver besides flags, user and group. `local_zone`, in minutes, is for a
  // driver that needs it, unless an option sets another.
  [[nodiscard]] std::vector<std::string> words_for_driver(std::optional<int> local_zone) const;
};

enum class UnknownOptions { kRefuse, kIgnore };

// The later of two contradicting options wins. An unknown name is an error that names it.
Result<MountOptions> parse_mount_options(std::string_view text,
                                         UnknownOptions unknown = UnknownOptions::kRefuse);

// The options for airlockd. Leaves out rw, which udisks passes in any case, so that settings may
// still make a mount read-only.
std::string options_for_airlockd(std::string_view text);

}  // namespace airlock
