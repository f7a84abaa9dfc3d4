// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace airlock {

// One person as /etc/passwd knows them.
struct UserEntry {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;  // empty if it could not safely be a part of a path
};

// Whether a login name may become a folder: letters, digits, '_', '-' and '.', not starting with
// '-' or '.', at most 32 bytes. Narrower than what some systems let an administrator create.
bool is_safe_user_name(std::string_view name);

// The first line of a passwd file with this user id, as the C library would choose it.
std::optional<UserEntry> find_user(std::string_view passwd, uid_t user);

// Reads /etc/passwd and nothing else: the name service may ask a network, and would make the
// daemon wait for it. Who is not in the file has no name here.
class UserFile {
 public:
  // Whom a caller's group is when the file does not say: "nobody's".
  static constexpr gid_t kUnknownGroup = 65534;

  explicit UserFile(std::string path = "/etc/passwd") : path_(std::move(path)) {}
  // Looks into the file anew, so that a user made a moment ago is there. A user who is not gets
  // no name and kUnknownGroup.
  [[nodiscard]] UserEntry find(uid_t user) const;

 private:
  std::string path_;
};

}  // namespace airlock
