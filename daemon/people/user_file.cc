// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/user_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>

#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

constexpr std::size_t kMostNameBytes = 128;
constexpr std::size_t kMostFileBytes = 4U << 20;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// name:password:user:group:... ; anything else, such as the "+" of NIS, is not a user.
std::optional<UserEntry> parse_line(std::string_view line) {
  const std::string_view name = take_until(line, ':');
  (void)take_until(line, ':');
  const auto user = parse_number<std::uint32_t>(take_until(line, ':'));
  const auto group = parse_number<std::uint32_t>(take_until(line, ':'));
  if (name.empty() || !user || !group) return std::nullopt;
  return UserEntry{.user = *user,
                   .group = *group,
                   .name = is_safe_user_name(name) ? std::string(name) : std::string()};
}

// The content of a regular file; empty if it can't be read.
std::string read_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return read_text(file.borrow(), kMostFileBytes).value_or("");
}

}  // namespace

bool is_safe_user_name(std::string_view name) {
  if (name.empty() || name.size() > kMostNameBytes) return false;
  if (!is_letter_or_digit(name.front()) && name.front() != '_') return false;
  for (const char c : name)
    if (!is_letter_or_digit(c) && c != '_' && c != '-' && c != '.' && c != '@') return false;
  return true;
}

std::optional<UserEntry> find_user(std::string_view passwd, uid_t user) {
  while (!passwd.empty())
    if (auto entry = parse_line(take_until(passwd, '\n')); entry && entry->user == user)
      return entry;
  return std::nullopt;
}

std::optional<UserEntry> UserFile::find(uid_t user) const {
  return find_user(read_file(path_), user);
}

}  // namespace airlock
