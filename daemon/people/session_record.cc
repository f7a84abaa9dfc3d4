// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/session_record.h"

#include "daemon/bus/bus_peer.h"

namespace airlock {

bool SessionRecord::in_use() const {
  return user && !seat.empty() && active && state == "active" && !remote && purpose == "user";
}

SessionRecord session_record(const std::map<std::string, sdbus::Variant>& properties) {
  using bus_peer::property;
  SessionRecord record;
  if (const auto user =
          property<sdbus::Struct<std::uint32_t, sdbus::ObjectPath>>(properties, "User"))
    std::tie(record.user, record.user_path) = std::tuple(std::get<0>(*user), std::get<1>(*user));
  if (const auto seat = property<sdbus::Struct<std::string, sdbus::ObjectPath>>(properties, "Seat"))
    record.seat = std::get<0>(*seat);
  record.purpose = property<std::string>(properties, "Class").value_or("");
  record.state = property<std::string>(properties, "State").value_or("");
  record.active = property<bool>(properties, "Active").value_or(record.active);
  record.remote = property<bool>(properties, "Remote").value_or(record.remote);
  record.locked = property<bool>(properties, "LockedHint").value_or(record.locked);
  return record;
}

UserEntry account_of(uid_t user, const std::map<std::string, sdbus::Variant>& properties) {
  using bus_peer::property;
  UserEntry account{.user = user};
  if (property<std::uint32_t>(properties, "UID") != user) return account;
  account.group = property<std::uint32_t>(properties, "GID").value_or(UserEntry::kUnknownGroup);
  const std::string name = property<std::string>(properties, "Name").value_or("");
  if (is_safe_user_name(name)) account.name = name;
  return account;
}

}  // namespace airlock
