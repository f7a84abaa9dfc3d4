// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "daemon/api/property_map.h"
#include "daemon/launch/driver_table.h"
#include "daemon/policy/decision.h"
#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// Why a decision was made: the known facts, the rules that were tried and the result of each, and
// the outcome. Every text is printable and bounded, whatever a medium contains.
struct Explanation {
  Decision decision;
  std::map<std::string, std::string> facts;  // "vendor" -> "SanDisk"; only what is known
  std::vector<std::string> rules;            // one sentence per rule, in the order of the files
};

Explanation explain(const Settings& settings, const Facts& facts,
                    std::span<const DriverRow> drivers = driver_table());

// The form in which Manager.Explain returns it:
//   "decision" s   "ignore", "wait", "leave", "ask", "refuse" or "mount"
//   "reason" s     one sentence
//   "rule" s       where it comes from: "built-in", or FILE:LINE "NAME"
//   "facts" a{sv}  strings
//   "rules" as     every rule that was tried, with why it did not match
//   "plan" a{sv}   strings; only with "mount": type, driver, user, access, options, folder, actions
PropertyMap to_properties(const Explanation& explanation);

std::string_view to_word(const Decision& decision);

// Foreign text as one printable line of bounded length, without quotes around it.
std::string printable(std::string_view text);

}  // namespace airlock
