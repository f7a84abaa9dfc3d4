// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/mount_table.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// The kernel allows 100,000 mounts per namespace.
constexpr std::size_t kMostTableBytes = 256U << 20;

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto parsed = parse_number<Number>(text);
  number = parsed.value_or(0);
  return parsed.has_value();
}

bool parse_device(std::string_view text, dev_t& device) {
  unsigned major_number = 0;
  unsigned minor_number = 0;
  const std::string_view first = take_until(text, ':');
  if (!read_number(first, major_number) || !read_number(text, minor_number)) return false;
  device = makedev(major_number, minor_number);
  return true;
}

void parse_group(std::string_view word, MountEntry& entry) {
  const std::string_view name = take_until(word, ':');
  if (name == "shared") (void)read_number(word, entry.shared_group);
  if (name == "master") (void)read_number(word, entry.master_group);
}

// The optional fields up to the lone dash; false if the dash is missing.
bool parse_groups(std::string_view& rest, MountEntry& entry) {
  while (!rest.empty()) {
    const std::string_view word = take_until(rest, ' ');
    if (word == "-") return true;
    parse_group(word, entry);
  }
  return false;
}

// Exactly one space separates the fields, because a source can be empty.
std::optional<MountEntry> parse_line(std::string_view line) {
  MountEntry entry;
  if (!read_number(take_until(line, ' '), entry.id) ||
      !read_number(take_until(line, ' '), entry.parent) ||
      !parse_device(take_until(line, ' '), entry.device))
    return std::nullopt;
  entry.root = unescape_octal(take_until(line, ' '));
  entry.mount_point = unescape_octal(take_until(line, ' '));
  entry.options = take_until(line, ' ');
  if (entry.id < 0 || entry.mount_point.empty() || !parse_groups(line, entry)) return std::nullopt;
  entry.type = unescape_octal(take_until(line, ' '));
  entry.source = unescape_octal(take_until(line, ' '));
  entry.super_options = line;
  if (entry.type.empty()) return std::nullopt;
  return entry;
}

}  // namespace

std::optional<MountOwner> owner_of(const std::vector<MountEntry>& table, dev_t filesystem) {
  const auto entry = std::ranges::find(table, filesystem, &MountEntry::device);
  if (entry == table.end()) return std::nullopt;
  const auto id = [&](std::string_view key) {
    return static_cast<std::uint32_t>(option_number(entry->super_options, key).value_or(0));
  };
  return MountOwner{.user = id("user_id"),
                    .group = id("group_id"),
                    .allows_others = has_option(entry->super_options, "allow_other")};
}

const MountEntry* mount_below(const std::vector<MountEntry>& table, std::string_view path) {
  const auto leads_into = [path](std::string_view folder) {
    if (folder == "/") return path.starts_with('/');
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
  };
  const MountEntry* deepest = nullptr;
  for (const MountEntry& mount : table)
    if (leads_into(mount.mount_point) &&
        (deepest == nullptr || mount.mount_point.size() >= deepest->mount_point.size()))
      deepest = &mount;
  return deepest;
}

std::string unescape_octal(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                        is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escape) {
      plain += text[i];
      continue;
    }
    const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
    plain += static_cast<char>(value);
    i += 3;
  }
  return plain;
}

std::vector<MountEntry> parse_mount_table(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty())
    if (auto entry = parse_line(take_until(text, '\n'))) entries.push_back(std::move(*entry));
  return entries;
}

Result<std::vector<MountEntry>> read_mount_table(const std::string& file) {
  const UniqueFd table(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!table.valid()) return fail_errno(errno, Errc::kSystem, "open {}", quote(file));
  auto text = read_text(table.borrow(), kMostTableBytes);
  if (!text) return fail(std::move(text), "{}", quote(file));
  // Every process has a root, so an empty table could not be read.
  if (text->empty()) return fail(Errc::kSystem, "{} is empty", quote(file));
  return parse_mount_table(*text);
}

bool has_honest_source(const MountEntry& entry) {
  const bool is_fuse = entry.type == "fuse" || entry.type.starts_with("fuse.");
  return !is_fuse || option_number(entry.super_options, "user_id") == 0;
}

bool is_airlock_mount(const MountEntry& entry) {
  return entry.type.starts_with("fuse.airlock.") || entry.type.starts_with("fuseblk.airlock.");
}

const MountEntry* mount_without_us(const std::vector<MountEntry>& table, dev_t device,
                                   std::string_view node) {
  const auto found = std::ranges::find_if(table, [&](const MountEntry& entry) {
    const bool of_device =
        entry.device == device || (has_honest_source(entry) && entry.source == node);
    return of_device && !is_airlock_mount(entry);
  });
  return found == table.end() ? nullptr : &*found;
}

bool has_option(std::string_view options, std::string_view word) {
  return has_word(options, ',', word);
}

std::optional<std::uint64_t> option_number(std::string_view options, std::string_view key) {
  while (!options.empty()) {
    std::string_view option = take_until(options, ',');
    std::uint64_t number = 0;
    if (take_until(option, '=') == key && read_number(option, number)) return number;
  }
  return std::nullopt;
}

}  // namespace airlock
