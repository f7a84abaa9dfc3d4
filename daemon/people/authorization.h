// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// The owner of a call's object: the user the medium is or was last mounted for, who opened the
// image, or for whom the job runs.
enum class Ownership { kOthers, kCallers, kNobodys };

// Where the medium is, from the caller's point of view.
enum class Whereabouts {
  kSystemDrive,  // belongs to the machine, not to a seat
  kOtherSeat,    // or the caller has no seat
  kOwnSeat,
  kImage,  // a file that the caller or another user opened
};

// What the table needs to know about a call. Unknown facts keep their default, which requires more
// permissions.
struct AuthorizationFacts {
  Ownership ownership = Ownership::kOthers;
  Whereabouts whereabouts = Whereabouts::kSystemDrive;
  std::vector<std::string> mount_actions;  // the actions that the policy requires for this mount
};

// One method of org.airlock1.* and how a call of it is authorised.
struct MethodRule {
  enum class MountActions { kNotAsked, kAsked };
  enum class Ownership { kNotAsked, kAsked };  // kAsked: an object of others needs unmount-others
  // kAsked: on another seat or a system drive, requires the matching mount-… action. kAlwaysAsked:
  // also on the caller's own seat and for an image, because the call reads what a mount would show.
  enum class Whereabouts { kNotAsked, kAsked, kAlwaysAsked };

  std::string_view interface;  // "Volume"
  std::string_view method;
  std::string_view action;  // always required; empty: none
  MountActions mount_actions = MountActions::kNotAsked;
  Ownership ownership = Ownership::kNotAsked;
  Whereabouts whereabouts = Whereabouts::kNotAsked;
};

// All methods; a test compares them with dbus/*.xml.
std::span<const MethodRule> method_rules();

// The polkit actions that the caller needs for a call, all of them; none: everybody may.
// `interface` is the last part of its name. A method that is not in the table is refused.
Result<std::vector<std::string>> required_actions(std::string_view interface,
                                                  std::string_view method,
                                                  const AuthorizationFacts& facts);

// The action that a caller needs to have a medium examined, before anybody knows what it holds.
std::string_view action_to_examine(Whereabouts whereabouts);

}  // namespace airlock
