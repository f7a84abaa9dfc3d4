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

// A mount whose driver has owed somebody an answer for longer than `silence`.
struct Unanswered {
  enum class Proof {
    kCertain,   // somebody waits for this mount
    kPossible,  // somebody waits for one of the reported mounts
    kIfIdle,    // somebody waits for some filesystem of this machine
  };
  dev_t filesystem = 0;
  Proof proof = Proof::kCertain;
  std::string request;  // "READ"; empty if not known
};

// Repeatedly looks who waits inside the kernel for these mounts, until somebody has waited for
// `silence`, or nobody waits any more. A driver that answers one question and not another can't
// hide from this. Blocks for minutes, so it belongs in an errand.
Result<ErrandReport> do_find_unanswered(const std::vector<dev_t>& mounts,
                                        std::chrono::milliseconds silence);
// The longest time that a search takes.
std::chrono::milliseconds longest_search(std::chrono::milliseconds silence);

std::vector<Unanswered> unpack_unanswered(std::string_view report);

}  // namespace airlock
