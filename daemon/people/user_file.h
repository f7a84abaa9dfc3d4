// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace airlock {

// One person's account. Somebody unknown has no name, and "nobody's" group.
struct UserEntry {
  static constexpr gid_t kUnknownGroup = 65534;

  uid_t user = 0;
  gid_t group = kUnknownGroup;
  std::string name;  // empty if it could not safely be a part of a path
};

// Whether a login name may become a folder: letters, digits, '_', '-', '.' and, for users of a
// domain ("joe@example.org"), '@'; not starting with '-', '.' or '@', at most 128 bytes. Narrower
// than what some systems let an administrator create.
bool is_safe_user_name(std::string_view name);

// The first line of a passwd file with this user id, as the C library would choose it.
std::optional<UserEntry> find_user(std::string_view passwd, uid_t user);

// Reads /etc/passwd and nothing else: the name service may ask a network, and would make the
// daemon wait for it. Users of a network or of systemd-homed are not in the file; logind knows
// those who are logged in, see Sessions::account().
class UserFile {
 public:
  explicit UserFile(std::string path = "/etc/passwd") : path_(std::move(path)) {}
  // Reads the file anew, so that a user made a moment ago is there.
  [[nodiscard]] std::optional<UserEntry> find(uid_t user) const;

 private:
  std::string path_;
};

}  // namespace airlock
