// SPDX-License-Identifier: GPL-2.0-or-later
// Arbitrary bytes as a mount table: other programs choose its mount points and sources.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/system/mount_copies.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = airlock::parse_mount_table(text);
  for (const airlock::MountEntry& entry : table) {
    if (entry.mount_point.empty() || entry.type.empty()) std::abort();
    (void)airlock::has_option(entry.options, "ro");
    (void)airlock::option_number(entry.super_options, "user_id");
  }
  if (table.empty() || table.size() > 100) return 0;
  const airlock::MountIdentity mount{.mount_point = table[0].mount_point,
                                     .mount_id = static_cast<std::uint64_t>(table[0].id),
                                     .filesystem = table[0].device};
  const auto own = airlock::own_copies(mount, table);
  // A mount is never in its own way, and every obstacle is looked for.
  if (own.others.size() >= table.size() || !own.copies.contain(mount.mount_point)) std::abort();
  (void)airlock::foreign_copies(mount, own.shared_group, table);
  return 0;
}
