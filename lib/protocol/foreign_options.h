// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// How media without owners and with local times (FAT, exFAT) are shown: a driver of the table that
// has the ability "foreign" understands these. Callers, settings and the arguments of a driver all
// say them in the same words; this is the one place that knows the words.
struct ForeignOptions {
  std::optional<mode_t> file_mask;       // fmask=, umask=: bits no file has
  std::optional<mode_t> directory_mask;  // dmask=, umask=
  std::optional<int> zone_minutes;       // time_offset=: local time is ahead of UTC by this
  std::optional<unsigned> code_page;     // codepage=: of short names
  bool windows_names = false;

  friend bool operator==(const ForeignOptions&, const ForeignOptions&) = default;

  // Takes over what is open here. False, and nothing else is sure, if `wishes` contradict.
  [[nodiscard]] bool fill_from(const ForeignOptions& wishes);

  [[nodiscard]] std::vector<std::string> words() const;
};

// False if `option` is none of these; the error names a value that makes no sense.
Result<bool> apply_foreign_option(std::string_view option, ForeignOptions& options);

}  // namespace airlock
