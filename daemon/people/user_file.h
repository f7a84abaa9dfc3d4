// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace airlock {

// One person's account. An unknown user has no name, and the group "nogroup".
struct UserEntry {
  static constexpr gid_t kUnknownGroup = 65534;

  uid_t user = 0;
  gid_t group = kUnknownGroup;
  std::string name;  // empty if it would not be safe as part of a path
};

// Whether a login name may become a folder: letters, digits, '_', '-', '.' and, for users of a
// domain ("joe@example.org"), '@'; not starting with '-', '.' or '@', at most 128 bytes. Narrower
// than what some systems let an administrator create.
bool is_safe_user_name(std::string_view name);

// The first line of a passwd file with this user id, as the C library would choose it.
std::optional<UserEntry> find_user(std::string_view passwd, uid_t user);

// Reads /etc/passwd and nothing else: the name service may ask a network, and the daemon would wait
// for it. Network users and those of systemd-homed are not in the file; logind knows those who are
// logged in, see Sessions::account().
class UserFile {
 public:
  explicit UserFile(std::string path = "/etc/passwd") : path_(std::move(path)) {}
  // Rereads the file, so that it finds a user who was just created.
  [[nodiscard]] std::optional<UserEntry> find(uid_t user) const;

 private:
  std::string path_;
};

}  // namespace airlock
