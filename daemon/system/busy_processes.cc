// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/busy_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <optional>

#include "daemon/loop/errand.h"
#include "daemon/system/mount_copies.h"
#include "daemon/system/mount_table.h"
#include "lib/base/c_ptr.h"
#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

constexpr std::size_t kMostKernelUsers = 16;

UniqueFd open_at(BorrowedFd directory, const char* name, int flags) {
  return UniqueFd(::openat(directory.get(), name, flags | O_CLOEXEC));
}

// The target of a link in /proc, as text; reading it does not follow it. Empty if there is none.
std::string link_text(BorrowedFd directory, const char* name) {
  std::array<char, 4096> text;
  const ssize_t size = ::readlinkat(directory.get(), name, text.data(), text.size());
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

// The mappings of one process: 65,530 lines by default, of any length.
constexpr std::size_t kMostMapBytes = 256U << 20;

// Processes may end during the search: a file that can't be read (any more) counts as empty.
std::string text_at(BorrowedFd directory, const char* name) {
  const UniqueFd file = open_at(directory, name, O_RDONLY);
  return file.valid() ? read_text(file.borrow(), kMostMapBytes).value_or("") : "";
}

// Calls back with each name in the directory until the callback returns false.
template <typename Callback>
void each_name(UniqueFd directory, Callback callback) {
  const CPtr<DIR, ::closedir> stream(directory.valid() ? ::fdopendir(directory.get()) : nullptr);
  if (!stream) return;
  (void)directory.release();  // the stream closes it
  for (const dirent* entry = ::readdir(stream.get()); entry != nullptr;
       entry = ::readdir(stream.get()))
    if (entry->d_name[0] != '.' && !callback(static_cast<const char*>(entry->d_name))) return;
}

UniqueFd open_folder(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// One search through /proc. Path texts select what to examine; the mount's number decides who holds
// it.
class Search {
 public:
  Search(const MountIdentity& mount, const SystemView& view);
  std::vector<BusyProcess> run();
  std::vector<BusyProcess> copies();

 private:
  template <typename Look>
  void each_process(Look look);
  void add_kernel_user(std::string path);
  void look_at_kernel();
  void look_at_process(pid_t pid, BorrowedFd process);
  void look_at_errand(pid_t pid, BorrowedFd process);
  void look_at_namespace(pid_t pid, BorrowedFd process);
  void add(pid_t pid, BorrowedFd process, std::string path, bool has_copy);
  [[nodiscard]] bool is_errand(BorrowedFd process) const;
  // The path of the first thing of the mount that this process holds; empty if none.
  std::string held_by(BorrowedFd process, const MountCopies& copies);
  std::string held_folder(BorrowedFd process, const MountCopies& copies) const;
  std::string held_file(BorrowedFd process) const;
  std::string held_mapping(BorrowedFd process) const;
  [[nodiscard]] bool is_ours(BorrowedFd process, const char* descriptor) const;
  struct Seen {
    const MountCopies& copies;
    bool first;  // no process of this namespace was examined before
  };
  Seen copies_seen_by(BorrowedFd process);

  MountIdentity mount_;
  SystemView view_;
  OwnCopies own_;
  std::string own_namespace_;
  std::string own_program_;
  std::string device_in_maps_;                     // "00:2f"
  std::map<std::string, MountCopies> namespaces_;  // by the text of the namespace's link
  MountCopies everywhere_;
  std::vector<BusyProcess> kernel_users_;
  std::vector<BusyProcess> processes_;
};

Search::Search(const MountIdentity& mount, const SystemView& view) : mount_(mount), view_(view) {
  const auto table = read_mount_table(view.proc + "/self/mountinfo");
  own_ = own_copies(mount, table ? *table : std::vector<MountEntry>());
  everywhere_ = own_.copies;
  const UniqueFd self(::open((view.proc + "/self").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  own_namespace_ = link_text(self.borrow(), "ns/mnt");
  own_program_ = link_text(self.borrow(), "exe");
  namespaces_[own_namespace_] = own_.copies;
  device_in_maps_ = fmt::format("{:02x}:{:02x}", major(mount.filesystem), minor(mount.filesystem));
}

template <typename Look>
void Search::each_process(Look look) {
  const UniqueFd proc = open_folder(view_.proc);
  each_name(open_folder(view_.proc), [&](const char* name) {
    const auto pid = parse_number<pid_t>(name);
    if (!pid || *pid == ::getpid()) return true;
    const UniqueFd process = open_at(proc.borrow(), name, O_PATH | O_DIRECTORY);
    if (process.valid()) look(*pid, process.borrow());
    return processes_.size() + kernel_users_.size() < kMostBusyProcesses;
  });
}

std::vector<BusyProcess> Search::run() {
  look_at_kernel();
  each_process([this](pid_t pid, BorrowedFd process) { look_at_process(pid, process); });
  std::ranges::move(kernel_users_, std::back_inserter(processes_));
  return std::move(processes_);
}

std::vector<BusyProcess> Search::copies() {
  each_process([this](pid_t pid, BorrowedFd process) { look_at_namespace(pid, process); });
  return std::move(processes_);
}

void Search::add_kernel_user(std::string path) {
  if (kernel_users_.size() < kMostKernelUsers)
    kernel_users_.push_back({.pid = 0, .name = "kernel", .path = std::move(path)});
}

void Search::look_at_kernel() {
  for (const std::string& place : own_.others) add_kernel_user(place);
  const UniqueFd blocks = open_folder(view_.sys + "/block");
  each_name(open_folder(view_.sys + "/block"), [&](const char* name) {
    const std::string text =
        text_at(blocks.borrow(), fmt::format("{}/loop/backing_file", name).c_str());
    std::string_view rest = text;
    const std::string_view path = next_line(rest);
    if (own_.copies.contain(path)) add_kernel_user(std::string(path));
    return true;
  });
  std::ifstream swaps(view_.proc + "/swaps");
  for (std::string line; std::getline(swaps, line);) {
    std::string path = unescape_octal(line.substr(0, line.find_first_of(" \t")));
    if (own_.copies.contain(path)) add_kernel_user(std::move(path));
  }
}

// airlockd and what it forks: they pass in a moment, and nobody could end them to free the mount.
// Its name alone would not do, because every program chooses its own. An errand that became the
// mount's user is not told apart from that user's processes.
bool Search::is_errand(BorrowedFd process) const {
  return !own_program_.empty() && link_text(process, "exe") == own_program_ &&
         text_at(process, "comm").starts_with("airlockd") &&
         text_at(process, "status").find("\nUid:\t0\t0\t0\t0\n") != std::string::npos;
}

// Only a keeper of a file holds anything for long: somebody opened an image that lies on this
// mount.
void Search::look_at_errand(pid_t pid, BorrowedFd process) {
  if (link_text(process, "ns/mnt") != own_namespace_) return;
  std::string path = held_file(process);
  if (path.empty() || std::ranges::find(own_.copies.places, path) != own_.copies.places.end())
    return;
  add(pid, process, std::move(path), /*has_copy=*/false);
  processes_.back().name = "airlockd";
}

void Search::look_at_process(pid_t pid, BorrowedFd process) {
  // Kernel threads and zombies have no program and hold nothing.
  if (link_text(process, "exe").empty()) return;
  if (is_errand(process)) return look_at_errand(pid, process);
  const auto [copies, first] = copies_seen_by(process);
  if (std::string path = held_by(process, copies); !path.empty())
    return add(pid, process, std::move(path), /*has_copy=*/false);
  // Nobody in that namespace uses its copy, but the copy keeps the filesystem alive.
  if (first && !copies.independent.empty())
    add(pid, process, copies.independent, /*has_copy=*/true);
}

void Search::look_at_namespace(pid_t pid, BorrowedFd process) {
  if (link_text(process, "exe").empty() || is_errand(process)) return;
  const auto [copies, first] = copies_seen_by(process);
  if (first && !copies.independent.empty())
    add(pid, process, copies.independent, /*has_copy=*/true);
}

void Search::add(pid_t pid, BorrowedFd process, std::string path, bool has_copy) {
  const std::string text = text_at(process, "comm");
  std::string_view rest = text;
  // The owner of its folder in /proc would not do: a process can make root own it.
  const std::string status = text_at(process, "status");
  const std::size_t at = status.find("\nUid:\t");
  const std::string_view id =
      at == std::string::npos ? "" : std::string_view(status).substr(at + 6);
  const auto user = parse_number<uid_t>(id.substr(0, id.find('\t')));
  processes_.push_back({.pid = pid,
                        .name = std::string(next_line(rest)),
                        .path = std::move(path),
                        .has_copy = has_copy,
                        .user = user.value_or(0)});
}

std::string Search::held_by(BorrowedFd process, const MountCopies& copies) {
  if (std::string program = link_text(process, "exe"); copies.contain(program)) return program;
  std::string path = held_folder(process, copies);
  if (path.empty()) path = held_file(process);
  if (path.empty()) path = held_mapping(process);
  return path;
}

Search::Seen Search::copies_seen_by(BorrowedFd process) {
  const std::string name = link_text(process, "ns/mnt");
  const auto known = namespaces_.find(name.empty() ? own_namespace_ : name);
  if (known != namespaces_.end()) return {.copies = known->second, .first = false};
  MountCopies copies =
      foreign_copies(mount_, own_.shared_group, parse_mount_table(text_at(process, "mountinfo")));
  everywhere_.ids.insert(copies.ids.begin(), copies.ids.end());
  std::ranges::copy(copies.places, std::back_inserter(everywhere_.places));
  const MountCopies& kept = namespaces_[name] = std::move(copies);
  return {.copies = kept, .first = true};
}

std::string Search::held_folder(BorrowedFd process, const MountCopies& copies) const {
  for (const char* link : {"cwd", "root"})
    if (std::string text = link_text(process, link); copies.contain(text)) return text;
  return "";
}

// Descriptors travel between namespaces, so the places in all namespaces count.
std::string Search::held_file(BorrowedFd process) const {
  const UniqueFd descriptors = open_at(process, "fd", O_PATH | O_DIRECTORY);
  std::string found;
  each_name(open_at(process, "fd", O_RDONLY | O_DIRECTORY), [&](const char* name) {
    std::string path = link_text(descriptors.borrow(), name);
    if (everywhere_.contain(path) && is_ours(process, name)) found = std::move(path);
    return found.empty();
  });
  return found;
}

bool Search::is_ours(BorrowedFd process, const char* descriptor) const {
  const std::string text = text_at(process, fmt::format("fdinfo/{}", descriptor).c_str());
  constexpr std::string_view kKey = "mnt_id:\t";
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    if (!line.starts_with(kKey)) continue;
    const auto id = parse_number<std::uint64_t>(line.substr(kKey.size()));
    return id && everywhere_.ids.contains(*id);
  }
  return false;
}

// "begin-end permissions offset device inode   path". Only the path may contain anything, and it
// comes last.
std::string Search::held_mapping(BorrowedFd process) const {
  const std::string text = text_at(process, "maps");
  const std::string wanted = " " + device_in_maps_ + " ";
  for (std::size_t at = text.find(wanted); at != std::string::npos;
       at = text.find(wanted, at + 1)) {
    const std::size_t begin = text.rfind('\n', at) + 1;  // 0 on the first line
    const std::string_view before(text.data() + begin, at - begin);
    if (std::ranges::count(before, ' ') != 2) continue;
    const std::size_t path = text.find_first_of("/\n", at + wanted.size());
    if (path == std::string::npos || text[path] == '\n') return mount_.mount_point;
    return text.substr(path, text.find('\n', path) - path);
  }
  return "";
}

}  // namespace

std::vector<BusyProcess> find_busy_processes(const MountIdentity& mount, const SystemView& view) {
  return Search(mount, view).run();
}

std::vector<BusyProcess> find_namespaces_with_copies(const MountIdentity& mount,
                                                     const SystemView& view) {
  return Search(mount, view).copies();
}

// Neither names nor paths can contain a zero byte.
std::string pack_busy_processes(const std::vector<BusyProcess>& processes) {
  std::string bytes;
  for (const BusyProcess& process : processes) {
    const std::string entry = fmt::format("{}{}{}{}{}{}{}{}", process.pid, '\0', process.name, '\0',
                                          process.path, '\0', process.has_copy ? "copy" : "", '\0');
    if (bytes.size() + entry.size() <= ErrandReport::kMostBytes) bytes += entry;
  }
  return bytes;
}

Result<std::vector<BusyProcess>> unpack_busy_processes(std::string_view bytes) {
  std::vector<BusyProcess> processes;
  const auto take = [&]() -> std::optional<std::string_view> {
    const std::size_t end = bytes.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view part = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return part;
  };
  while (!bytes.empty()) {
    const auto pid = take();
    const auto name = take();
    const auto path = take();
    const auto what = take();
    const auto number = pid ? parse_number<pid_t>(*pid) : std::nullopt;
    if (!number || !name || !path || !what)
      return fail(Errc::kProtocol, "the list of processes is invalid");
    processes.push_back({.pid = *number,
                         .name = std::string(*name),
                         .path = std::string(*path),
                         .has_copy = *what == "copy"});
  }
  return processes;
}

}  // namespace airlock
