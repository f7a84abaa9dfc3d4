// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/checkers.h"

#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::array kRows = {
    CheckerRow{CheckerFamily::kExt, "ext2 ext3 ext4", "e2fsck", "e2label", "e2fsck", true, true},
    CheckerRow{CheckerFamily::kFat, "vfat", "fsck.fat", "fatlabel", "airlock-fat-finish", false,
               true},
    CheckerRow{CheckerFamily::kExfat, "exfat", "fsck.exfat", "exfatlabel", "airlock-fat-finish",
               false, true},
    CheckerRow{CheckerFamily::kNtfs, "ntfs", "ntfsfix", "", "", false, false},
};

constexpr std::size_t kMostExtBytes = 16;
constexpr std::size_t kMostFatCharacters = 11;
constexpr std::size_t kMostExfatUnits = 11;

// How many UTF-16 units the text takes; nothing if it is no UTF-8 or holds control characters.
std::optional<std::size_t> utf16_units(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0x20 || first == 0x7f || (first >= 0x80 && first < 0xc2) || first > 0xf4)
      return std::nullopt;
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (at + length > text.size()) return std::nullopt;
    for (std::size_t i = 1; i < length; ++i)
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0U) != 0x80) return std::nullopt;
    const auto second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0U;
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool impossible = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
    if (overlong || impossible) return std::nullopt;
    units += length == 4 ? 2 : 1;
    at += length;
  }
  return units;
}

Result<void> check_characters(std::string_view label, std::string_view forbidden) {
  const auto at = label.find_first_of(forbidden);
  if (at == std::string_view::npos) return {};
  return fail(Errc::kInvalidArgument, "a label of this type can't hold {}", label[at]);
}

Result<void> check_ext_label(std::string_view label) {
  if (label.size() <= kMostExtBytes) return {};
  return fail(Errc::kInvalidArgument, "a label of ext2, ext3 or ext4 has at most {} bytes, not {}",
              kMostExtBytes, label.size());
}

Result<void> check_fat_label(std::string_view label) {
  if (label.size() > kMostFatCharacters)
    return fail(Errc::kInvalidArgument, "a label of FAT has at most {} characters, not {}",
                kMostFatCharacters, label.size());
  TRY_VOID(check_characters(label, "\"*+,./:;<=>?[\\]|"));
  if (std::ranges::any_of(label, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return fail(Errc::kInvalidArgument, "a label of FAT is made of ASCII characters");
  if (std::ranges::any_of(label, [](char c) { return c >= 'a' && c <= 'z'; }))
    return fail(Errc::kInvalidArgument, "a label of FAT is written in capitals");
  if (label.starts_with(' '))
    return fail(Errc::kInvalidArgument, "a label of FAT can't begin with a space");
  return {};
}

Result<void> check_exfat_label(std::string_view label, std::size_t units) {
  if (units > kMostExfatUnits)
    return fail(Errc::kInvalidArgument, "a label of exFAT has at most {} characters, not {}",
                kMostExfatUnits, units);
  return check_characters(label, "\"*/:<>?\\|");
}

}  // namespace

const CheckerRow* find_checker(std::string_view type) {
  const auto row = std::ranges::find_if(
      kRows, [&](const CheckerRow& r) { return has_word(r.types, ' ', type); });
  return row == kRows.end() ? nullptr : &*row;
}

Result<void> check_offered(const CheckerRow& row, CheckOperation operation) {
  if (operation == CheckOperation::kLabel && row.label_program.empty())
    return fail(Errc::kUnsupported, "there is no program that writes labels of {}", row.types);
  if (operation == CheckOperation::kReplay && row.replay_program.empty())
    return fail(Errc::kUnsupported, "{} only looks, and replays no journal", row.check_program);
  if (operation == CheckOperation::kRepair && !row.repairs)
    return fail(Errc::kUnsupported,
                "{} only looks: what is wrong with {} is put right by the system it comes from",
                row.check_program, row.types);
  return {};
}

Result<void> check_label(CheckerFamily family, std::string_view label) {
  const auto units = utf16_units(label);
  if (!units)
    return fail(Errc::kInvalidArgument, "a label is UTF-8 text without control characters");
  // It stands where a program expects its operand.
  if (label.starts_with('-'))
    return fail(Errc::kInvalidArgument, "a label can't begin with a dash here");
  switch (family) {
    case CheckerFamily::kExt:
      return check_ext_label(label);
    case CheckerFamily::kFat:
      return check_fat_label(label);
    case CheckerFamily::kExfat:
      return check_exfat_label(label, *units);
    case CheckerFamily::kNtfs:
      break;
  }
  return fail(Errc::kInvalidArgument, "nothing is known of labels of this type");
}

}  // namespace airlock
