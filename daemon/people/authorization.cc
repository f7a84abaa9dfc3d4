// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/authorization.h"

#include <algorithm>
#include <array>

#include "daemon/api/actions.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr auto kMountActions = MethodRule::MountActions::kAsked;
constexpr auto kOwnership = MethodRule::Ownership::kAsked;
constexpr auto kWhereabouts = MethodRule::Whereabouts::kAsked;
constexpr auto kLikeMounting = MethodRule::Whereabouts::kAlwaysAsked;

constexpr std::array kRules = {
    // A socket for descriptors costs a process; limits restrict that.
    MethodRule{.interface = "Manager", .method = "PrepareHandover"},
    // An image costs its opener a descriptor and counts against a limit; mounting it needs
    // permission.
    MethodRule{.interface = "Manager", .method = "OpenImage"},
    // Polkit can't allow these: the manager accepts mounts and places from root alone.
    MethodRule{.interface = "Manager", .method = "AdoptMount"},
    MethodRule{.interface = "Manager", .method = "MountAt"},
    MethodRule{.interface = "Manager", .method = "FindVolume"},
    MethodRule{.interface = "Manager", .method = "Explain"},
    MethodRule{.interface = "Manager", .method = "ListDrivers"},
    MethodRule{.interface = "Manager", .method = "GetSettings"},
    MethodRule{
        .interface = "Manager", .method = "SetAutomount", .action = actions::kChangeSettings},

    MethodRule{.interface = "Volume", .method = "Mount", .mount_actions = kMountActions},
    MethodRule{.interface = "Volume", .method = "Unmount", .ownership = kOwnership},
    // Takes the medium away from everybody, even if nothing is mounted.
    MethodRule{.interface = "Volume",
               .method = "Eject",
               .action = actions::kEject,
               .ownership = kOwnership,
               .whereabouts = kWhereabouts},
    MethodRule{.interface = "Volume",
               .method = "PowerOff",
               .action = actions::kPowerOff,
               .ownership = kOwnership,
               .whereabouts = kWhereabouts},
    // Removes what is left of one mount and makes another.
    MethodRule{.interface = "Volume",
               .method = "Recover",
               .mount_actions = kMountActions,
               .ownership = kOwnership},
    MethodRule{.interface = "Volume", .method = "Detach", .ownership = kOwnership},
    // These contain names of other people's programs, files and labels.
    MethodRule{.interface = "Volume", .method = "GetUsers", .ownership = kOwnership},
    MethodRule{.interface = "Volume", .method = "GetLog", .ownership = kOwnership},
    MethodRule{.interface = "Volume", .method = "GetContainment", .ownership = kOwnership},
    // Takes the medium for a while, starts a program as root, and reads what a mount would show.
    MethodRule{.interface = "Volume",
               .method = "Check",
               .ownership = kOwnership,
               .whereabouts = kLikeMounting},
    MethodRule{.interface = "Volume",
               .method = "GetCheckLog",
               .ownership = kOwnership,
               .whereabouts = kLikeMounting},
    MethodRule{.interface = "Volume",
               .method = "Repair",
               .action = actions::kRepair,
               .ownership = kOwnership,
               .whereabouts = kLikeMounting},
    MethodRule{.interface = "Volume",
               .method = "SetLabel",
               .action = actions::kRepair,
               .ownership = kOwnership,
               .whereabouts = kLikeMounting},
    MethodRule{.interface = "Volume",
               .method = "Format",
               .action = actions::kFormat,
               .ownership = kOwnership,
               .whereabouts = kLikeMounting},

    MethodRule{.interface = "Job", .method = "Cancel", .ownership = kOwnership},
    MethodRule{.interface = "Job", .method = "Skip", .ownership = kOwnership},
};

void add(std::vector<std::string>& wanted, std::string_view action) {
  if (!action.empty() && std::ranges::find(wanted, action) == wanted.end())
    wanted.emplace_back(action);
}

std::string_view action_for(Whereabouts whereabouts, MethodRule::Whereabouts asked) {
  const bool always = asked == kLikeMounting;
  switch (whereabouts) {
    case Whereabouts::kOwnSeat:
      return always ? actions::kMountRemovable : std::string_view();
    case Whereabouts::kImage:
      return always ? actions::kMountImage : std::string_view();
    case Whereabouts::kOtherSeat:
      return actions::kMountOtherSeat;
    case Whereabouts::kSystemDrive:
      break;
  }
  return actions::kMountSystem;
}

}  // namespace

std::string_view action_to_examine(Whereabouts whereabouts) {
  return action_for(whereabouts, kLikeMounting);
}

std::span<const MethodRule> method_rules() {
  return kRules;
}

Result<std::vector<std::string>> required_actions(std::string_view interface,
                                                  std::string_view method,
                                                  const AuthorizationFacts& facts) {
  const auto* const rule = std::ranges::find_if(kRules, [&](const MethodRule& candidate) {
    return candidate.interface == interface && candidate.method == method;
  });
  if (rule == kRules.end())
    return fail(Errc::kNotPermitted, "no rule says who may call {} of {}", quote(method),
                quote(interface));
  std::vector<std::string> wanted;
  add(wanted, rule->action);
  if (rule->whereabouts != MethodRule::Whereabouts::kNotAsked)
    add(wanted, action_for(facts.whereabouts, rule->whereabouts));
  if (rule->ownership == kOwnership && facts.ownership == Ownership::kOthers)
    add(wanted, actions::kUnmountOthers);
  if (rule->mount_actions == kMountActions)
    for (const std::string& action : facts.mount_actions) add(wanted, action);
  return wanted;
}

}  // namespace airlock
