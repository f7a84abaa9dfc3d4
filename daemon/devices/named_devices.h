// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace airlock {

// The devices that one column of an administrator's table names: the first column of fstab, the
// second of crypttab. As written ("UUID=...", "/dev/disk/by-label/x"), but without quotes and octal
// escapes; omits comments and lines without that column. Entries that are not mounted at boot count
// too.
enum class NameColumn { kFirst, kSecond };
std::vector<std::string> named_devices(std::string_view table, NameColumn column);

}  // namespace airlock
