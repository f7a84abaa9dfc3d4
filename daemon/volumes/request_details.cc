// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/request_details.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/people/question_details.h"
#include "daemon/volumes/properties.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// More names would not help.
constexpr std::size_t kMostNamed = 5;

Ownership ownership_of(const Volume& volume, const CallerFacts& caller) {
  const auto is = [&](uid_t owner) {
    return owner == caller.user ? Ownership::kCallers : Ownership::kOthers;
  };
  if (volume.mount || volume.death) return is(volume.mounted_for);
  return volume.image ? is(volume.image->owner) : Ownership::kNobodys;
}

Whereabouts whereabouts_of(const Volume& volume, const CallerFacts& caller) {
  if (volume.image) return Whereabouts::kImage;
  if (!volume.device || !volume.removable || !volume.device->system_reason.empty())
    return Whereabouts::kSystemDrive;
  const bool here = caller.in_active_session && caller.seat == volume.device->seat;
  return here ? Whereabouts::kOwnSeat : Whereabouts::kOtherSeat;
}

}  // namespace

AuthorizationFacts authorization_facts(const Volume& volume, const CallerFacts& caller) {
  return {.ownership = ownership_of(volume, caller),
          .whereabouts = whereabouts_of(volume, caller),
          .mount_actions = {}};
}

std::map<std::string, std::string> details_of(const Volume& volume,
                                              const std::string& mount_options) {
  auto details = question_details(volume.device, volume.probe);
  if (!mount_options.empty()) details["mount.options"] = mount_options;
  return details;
}

std::string describe(const std::vector<BusyProcess>& users) {
  std::string text;
  for (std::size_t i = 0; i < std::min(users.size(), kMostNamed); ++i)
    text += fmt::format("{}{} (pid {}, {}{})", i == 0 ? "" : ", ", showable(users[i].name),
                        users[i].pid, quote(users[i].path),
                        users[i].has_copy ? " in another mount namespace" : "");
  if (users.size() > kMostNamed) text += fmt::format(" and {} more", users.size() - kMostNamed);
  return text;
}

}  // namespace airlock
