// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// Whose the object of a call is: for whom the medium is mounted or was last, who opened the image,
// for whom the job runs.
enum class Ownership { kOthers, kCallers, kNobodys };

// Where the medium is, seen from the caller.
enum class Whereabouts {
  kSystemDrive,  // belongs to the machine, not to a seat
  kOtherSeat,    // or the caller sits at none
  kOwnSeat,
  kImage,  // a file the caller or somebody else opened
};

// What the table needs to know of a call. What is not known is left at its default, and that asks
// for more.
struct AuthorizationFacts {
  Ownership ownership = Ownership::kOthers;
  Whereabouts whereabouts = Whereabouts::kSystemDrive;
  std::vector<std::string> mount_actions;  // what the policy wants for this mount
};

// One method of org.airlock1.* and how a call of it is authorised.
struct MethodRule {
  enum class MountActions { kNotAsked, kAsked };
  enum class Ownership { kNotAsked, kAsked };  // of others: unmount-others
  // kAsked: on another seat or in the system, the mount-… of that. kAlwaysAsked: also on the
  // caller's own seat and for an image, because the call reads what a mount would show.
  enum class Whereabouts { kNotAsked, kAsked, kAlwaysAsked };

  std::string_view interface;  // "Volume"
  std::string_view method;
  std::string_view action;  // always asked; empty: none
  MountActions mount_actions = MountActions::kNotAsked;
  Ownership ownership = Ownership::kNotAsked;
  Whereabouts whereabouts = Whereabouts::kNotAsked;
};

// Every method there is; a test holds it against dbus/*.xml.
std::span<const MethodRule> method_rules();

// The polkit actions the caller needs for a call, all of them; none: everybody may. `interface`
// is the last part of its name. A method that is not in the table is refused.
Result<std::vector<std::string>> required_actions(std::string_view interface,
                                                  std::string_view method,
                                                  const AuthorizationFacts& facts);

}  // namespace airlock
