// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace airlock {

// The devices a line-by-line table of the administrator names in one of its columns: the first of
// fstab, the second of crypttab. As written ("UUID=...", "/dev/disk/by-label/x"), with quotes and
// octal escapes undone; comments and lines without that column are left out. Entries that are not
// mounted at boot count like the others.
enum class NameColumn { kFirst, kSecond };
std::vector<std::string> named_devices(std::string_view table, NameColumn column);

}  // namespace airlock
