// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/policy/decision.h"
#include "daemon/volumes/volume.h"

namespace airlock {

// Journal messages about volumes: one entry per event, with fields that programs can search. Labels
// and other names that people chose are left out.

// One word for a decision: "ignore", "wait", "leave", "refuse", "mount".
std::string_view decision_word(const Decision& decision);

void journal_decision(const Volume& volume, const Decision& decision);
void journal_mounted(const Volume& volume);
void journal_mount_failed(const Volume& volume, const Error& error);
void journal_unmounted(const Volume& volume, std::string_view how);
// After its driver was replaced.
void journal_healed(const Volume& volume, std::chrono::milliseconds pause);
void journal_death(const Volume& volume);
void journal_gone(const Volume& volume);
void journal_checked(const Volume& volume, std::string_view operation,
                     const Result<CheckReply>& reply);

}  // namespace airlock
