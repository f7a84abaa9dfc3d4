// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include "contained/fat/code_page.h"
#include "contained/fat/dos_time.h"
#include "contained/fat/names.h"

namespace airlock::fat {

// How to show a medium without owners, permissions and time zones.
struct View {
  uid_t user = 0;
  gid_t group = 0;
  mode_t file_mask = 0177;
  mode_t directory_mask = 0077;
  ZoneOffset zone = 0;
  const CodePage* page = &CodePage::standard();
  NameRules rules = NameRules::kAny;
};

}  // namespace airlock::fat
