// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// How media without owners and with local times (FAT, exFAT) are shown. Drivers with the ability
// "foreign" understand these. Callers, settings and driver arguments use the same words, and only
// this file knows them.
struct ForeignOptions {
  std::optional<mode_t> file_mask;       // fmask=, umask=: bits that no file has
  std::optional<mode_t> directory_mask;  // dmask=, umask=
  std::optional<int> zone_minutes;       // time_offset=: how far local time is ahead of UTC
  std::optional<unsigned> code_page;     // codepage=: for short names
  bool windows_names = false;

  friend bool operator==(const ForeignOptions&, const ForeignOptions&) = default;

  // Takes the wishes for what is still open here. False if `wishes` contradict what is set; then
  // the result may be incomplete.
  [[nodiscard]] bool fill_from(const ForeignOptions& wishes);

  [[nodiscard]] std::vector<std::string> words() const;
};

// False if `option` is none of these; the error names an invalid value.
Result<bool> apply_foreign_option(std::string_view option, ForeignOptions& options);

}  // namespace airlock
