// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/loop/errand.h"
#include "lib/base/error.h"

namespace airlock {

// A mount whose driver owes somebody an answer for longer than `silence`.
struct Unanswered {
  enum class Proof {
    kCertain,   // somebody waits for this mount
    kPossible,  // somebody waits for one of those reported
    kIfIdle,    // somebody waits for some filesystem of the machine
  };
  dev_t filesystem = 0;
  Proof proof = Proof::kCertain;
  std::string request;  // "READ"; empty if not known
};

// Looks again and again who waits inside the kernel for these mounts, until somebody has for as
// long as `silence` or nobody does any more. A driver that answers one question and not another
// cannot hide that. Blocks for minutes and belongs into an errand.
Result<ErrandReport> do_find_unanswered(const std::vector<dev_t>& mounts,
                                        std::chrono::milliseconds silence);
// How long that takes at most.
std::chrono::milliseconds longest_search(std::chrono::milliseconds silence);

std::vector<Unanswered> unpack_unanswered(std::string_view report);

}  // namespace airlock
