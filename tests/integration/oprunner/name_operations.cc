// SPDX-License-Identifier: GPL-2.0-or-later
// Operations on names: the directory tree, attributes, extended attributes.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>

#include "content.h"
#include "session.h"
#include "tree_dump.h"

namespace airlock::test {
namespace {

OpResult mkfile(Session&, const OpLine& line) {
  const UniqueFd file(
      open(line.path(1), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, line.mode(2)));
  return from_call(file.get());
}

OpResult make_directory(Session&, const OpLine& line) {
  return from_call(mkdir(line.path(1), line.mode(2)));
}

OpResult remove_directory(Session&, const OpLine& line) {
  return from_call(rmdir(line.path(1)));
}

OpResult make_node(Session&, const OpLine& line) {
  const dev_t device =
      makedev(static_cast<unsigned>(line.number(3)), static_cast<unsigned>(line.number(4)));
  return from_call(mknod(line.path(1), line.mode(2), device));
}

OpResult make_symlink(Session&, const OpLine& line) {
  return from_call(symlink(line.path(1), line.path(2)));
}

OpResult read_symlink(Session&, const OpLine& line) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlink(line.path(1), target.data(), target.size());
  if (length < 0) return from_call(length);
  target.resize(static_cast<std::size_t>(length));
  return {.value = encode(target)};
}

OpResult make_link(Session&, const OpLine& line) {
  return from_call(link(line.path(1), line.path(2)));
}

OpResult remove_name(Session&, const OpLine& line) {
  return from_call(unlink(line.path(1)));
}

OpResult rename_name(Session&, const OpLine& line) {
  return from_call(renameat2(AT_FDCWD, line.path(1), AT_FDCWD, line.path(2),
                             static_cast<unsigned>(line.number(3))));
}

OpResult change_mode(Session&, const OpLine& line) {
  return from_call(chmod(line.path(1), line.mode(2)));
}

OpResult change_owner(Session&, const OpLine& line) {
  return from_call(
      lchown(line.path(1), static_cast<uid_t>(line.number(2)), static_cast<gid_t>(line.number(3))));
}

timespec parse_time(const std::string& word) {
  if (word == "now") return {.tv_sec = 0, .tv_nsec = UTIME_NOW};
  if (word == "omit") return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
  timespec time{};
  if (std::sscanf(word.c_str(), "%ld.%ld", &time.tv_sec, &time.tv_nsec) != 2)
    throw std::runtime_error("no time: " + word);
  return time;
}

OpResult set_times(Session&, const OpLine& line) {
  const timespec times[2] = {parse_time(line.text(2)), parse_time(line.text(3))};
  return from_call(utimensat(AT_FDCWD, line.path(1), times, AT_SYMLINK_NOFOLLOW));
}

OpResult show_status(Session&, const OpLine& line) {
  struct stat status{};
  if (lstat(line.path(1), &status) != 0) return from_call(-1);
  return {.value = encode(describe_status(status))};
}

OpResult truncate_name(Session&, const OpLine& line) {
  struct stat before = {};
  const bool there = stat(line.path(1), &before) == 0;
  const OpResult result = from_call(truncate(line.path(1), line.number(2)));
  if (there && result.error == 0)
    touch_if_cut_to_its_size(AT_FDCWD, line.path(1), before, line.number(2));
  return result;
}

OpResult set_attribute(Session&, const OpLine& line) {
  const auto value = make_content(static_cast<std::uint64_t>(line.number(5)), line.size(4));
  return from_call(lsetxattr(line.path(1), line.path(2), value.data(), value.size(),
                             static_cast<int>(line.number(3))));
}

// The value as spelled in the script, for attributes whose bytes have a meaning.
OpResult set_raw_attribute(Session&, const OpLine& line) {
  const std::string& value = line.text(3);
  return from_call(lsetxattr(line.path(1), line.path(2), value.data(), value.size(), 0));
}

OpResult get_attribute(Session&, const OpLine& line) {
  std::vector<std::byte> value(line.size(3));
  const ssize_t size = lgetxattr(line.path(1), line.path(2), value.data(), value.size());
  if (size < 0) return from_call(size);
  if (value.empty()) return {.value = fmt::format("{}", size)};
  value.resize(static_cast<std::size_t>(size));
  return {.value = fmt::format("{}:{}", size, digest_of(value))};
}

OpResult remove_attribute(Session&, const OpLine& line) {
  return from_call(lremovexattr(line.path(1), line.path(2)));
}

OpResult list_attributes(Session&, const OpLine& line) {
  return {.value = describe_attributes(line.path(1))};
}

OpResult list_directory(Session&, const OpLine& line) {
  return describe_directory(line.path(1));
}

// Repeats one operation on numbered names until it fails: `create`, `mkdir`, `link` or `unlink`
// COUNT times in a directory, every STEP-th number. Reports how far it came.
OpResult repeat(const OpLine& line, OpResult (*once)(const OpLine&, const std::string&)) {
  const std::int64_t count = line.number(2);
  const std::int64_t step = line.number(3);
  OpResult result;
  std::int64_t done = 0;
  for (std::int64_t at = 0; at < count && result.error == 0; at += step) {
    result = once(line, fmt::format("{}/entry-with-a-longish-name-{}", line.text(1), at));
    if (result.error == 0) ++done;
  }
  result.value = fmt::format("{}", done);
  return result;
}

OpResult many_files(Session&, const OpLine& line) {
  return repeat(line, [](const OpLine&, const std::string& path) {
    const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    return from_call(file.get());
  });
}

OpResult many_directories(Session&, const OpLine& line) {
  return repeat(line, [](const OpLine&, const std::string& path) {
    return from_call(mkdir(path.c_str(), 0755));
  });
}

OpResult many_links(Session&, const OpLine& line) {
  return repeat(line, [](const OpLine& whole, const std::string& path) {
    return from_call(link(whole.path(4), path.c_str()));
  });
}

OpResult many_removals(Session&, const OpLine& line) {
  return repeat(
      line, [](const OpLine&, const std::string& path) { return from_call(unlink(path.c_str())); });
}

}  // namespace

Operation find_name_operation(const std::string& name) {
  static const std::map<std::string, Operation> table = {
      {"mkfile", mkfile},
      {"mkdir", make_directory},
      {"rmdir", remove_directory},
      {"mknod", make_node},
      {"symlink", make_symlink},
      {"readlink", read_symlink},
      {"link", make_link},
      {"unlink", remove_name},
      {"rename", rename_name},
      {"chmod", change_mode},
      {"chown", change_owner},
      {"utimens", set_times},
      {"stat", show_status},
      {"truncate", truncate_name},
      {"setxattr", set_attribute},
      {"setrawxattr", set_raw_attribute},
      {"getxattr", get_attribute},
      {"removexattr", remove_attribute},
      {"listxattr", list_attributes},
      {"readdir", list_directory},
      {"manyfiles", many_files},
      {"manydirs", many_directories},
      {"manylinks", many_links},
      {"manyremovals", many_removals},
      {"tree", dump_tree},
  };
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace airlock::test
