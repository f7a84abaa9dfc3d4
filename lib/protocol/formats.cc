// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/formats.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "lib/base/nearest.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::array kFormats = {
    FormatRow{"exfat", CheckerFamily::kExfat, "mkfs.exfat", "exfatprogs"},
    FormatRow{"vfat", CheckerFamily::kFat, "mkfs.vfat", "dosfstools"},
    FormatRow{"ext4", CheckerFamily::kExt, "mkfs.ext4", "e2fsprogs"},
};

// What is no typing mistake, but another word for it.
std::string_view other_word(std::string_view type) {
  for (const std::string_view word : {"fat", "fat12", "fat16", "fat32", "dos", "FAT", "FAT32"})
    if (type == word) return "vfat";
  return type == "ext2" || type == "ext3" || type == "ext" ? "ext4" : "";
}

}  // namespace

std::span<const FormatRow> all_formats() {
  return kFormats;
}

Result<const FormatRow*> find_format(std::string_view type) {
  const auto* const row = std::ranges::find(kFormats, type, &FormatRow::type);
  if (row != kFormats.end()) return row;
  std::vector<std::string_view> types;
  std::string all;
  for (const FormatRow& known : kFormats) {
    types.push_back(known.type);
    all += (all.empty() ? "" : ", ") + std::string(known.type);
  }
  std::string_view meant = other_word(type);
  if (meant.empty()) meant = nearest(type, types);
  return fail(Errc::kInvalidArgument, "{} is not a type that can be made ({}){}", quote(type), all,
              meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
}

Result<void> check_format(std::string_view type, std::string_view label) {
  TRY(const FormatRow* const row, find_format(type));
  return check_label(row->family, label);
}

}  // namespace airlock
