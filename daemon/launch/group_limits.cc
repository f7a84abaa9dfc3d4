// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/group_limits.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

// These files have only a few lines each.
constexpr std::size_t kMostGroupFileBytes = 64U << 10;

UniqueFd open_in(const GroupFolder& folder, std::string_view name, int flags) {
  const std::string path = fmt::format("{}/{}", folder.path, name);
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
}

std::string memory_text([[maybe_unused]] const SandboxLimits& limits) {
#if defined(__SANITIZE_ADDRESS__)
  return "";  // its shadow memory is larger than any limit worth having
#else
  return std::to_string(limits.memory_bytes + (every_worker::memory_beside_data << 20) +
                        limits.medium_in_memory_bytes);
#endif
}

std::string nothing(const SandboxLimits&) {
  return "0";
}

std::string yes(const SandboxLimits&) {
  return "1";
}

std::string tasks_text(const SandboxLimits& limits) {
  return std::to_string(limits.tasks);
}

std::string cpu_text(const SandboxLimits&) {
  return std::to_string(every_worker::cpu_weight);
}

// Version 1 uses another unit: the default is 1024.
std::string cpu_shares_text(const SandboxLimits&) {
  return std::to_string(every_worker::cpu_weight * 1024 / 100);
}

std::string io_text(const SandboxLimits&) {
  return fmt::format("default {}", every_worker::io_weight);
}

std::string bfq_text(const SandboxLimits&) {
  return std::to_string(every_worker::io_weight);
}

// Before Linux 5.0, where the default is 500.
std::string cfq_text(const SandboxLimits&) {
  return std::to_string(every_worker::io_weight * 5);
}

struct LimitFile {
  bool unified;
  std::string_view limit;
  std::string_view file;
  std::string (*text)(const SandboxLimits&);
};

// Of the files that set the same limit, the first that exists counts. The order matters: the limit
// for memory and swap together can't be below the one for memory.
constexpr auto kFiles = std::to_array<LimitFile>({
    {true, "memory", "memory.max", memory_text},
    {true, "swap", "memory.swap.max", nothing},
    {true, "one end", "memory.oom.group", yes},
    {true, "tasks", "pids.max", tasks_text},
    {true, "cpu weight", "cpu.weight", cpu_text},
    {true, "io weight", "io.weight", io_text},
    {true, "io weight", "io.bfq.weight", bfq_text},
    {false, "memory", "memory.limit_in_bytes", memory_text},
    {false, "memory and swap", "memory.memsw.limit_in_bytes", memory_text},
    {false, "swappiness", "memory.swappiness", nothing},
    {false, "tasks", "pids.max", tasks_text},
    {false, "cpu shares", "cpu.shares", cpu_shares_text},
    {false, "io weight", "blkio.bfq.weight", bfq_text},
    {false, "io weight", "blkio.weight", cfq_text},
});

// The first line of "default 50" with further devices, or a single number.
std::string first_line(std::string_view text) {
  return std::string(take_until(text, '\n'));
}

}  // namespace

std::optional<std::string> read_group_file(const GroupFolder& folder, std::string_view name) {
  const UniqueFd file = open_in(folder, name, O_RDONLY);
  if (!file.valid()) return std::nullopt;
  auto text = read_text(file.borrow(), kMostGroupFileBytes);
  if (!text) return std::nullopt;
  return *std::move(text);
}

bool write_group_file(const GroupFolder& folder, std::string_view name, std::string_view text) {
  const UniqueFd file = open_in(folder, name, O_WRONLY);
  return file.valid() &&
         ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool set_group_limits(const GroupFolder& folder, const SandboxLimits& limits) {
  std::string_view last;
  for (const LimitFile& row : kFiles) {
    if (row.unified != folder.unified || row.limit == last) continue;
    const std::string text = row.text(limits);
    if (!text.empty() && write_group_file(folder, row.file, text)) last = row.limit;
  }
  return !last.empty();
}

std::vector<GroupLimit> read_group_limits(const GroupFolder& folder) {
  std::vector<GroupLimit> limits;
  std::string_view last;
  for (const LimitFile& row : kFiles) {
    if (row.unified != folder.unified || row.limit == last) continue;
    const auto text = read_group_file(folder, row.file);
    if (!text) continue;
    limits.push_back({.name = row.file, .value = first_line(*text)});
    last = row.limit;
  }
  return limits;
}

std::optional<std::uint64_t> memory_kills(const GroupFolder& folder) {
  const auto text =
      read_group_file(folder, folder.unified ? "memory.events" : "memory.oom_control");
  if (!text) return std::nullopt;
  for (const std::string& line : split(*text, '\n')) {
    std::string_view value = line;
    if (take_until(value, ' ') == "oom_kill") return parse_number<std::uint64_t>(value);
  }
  return std::nullopt;
}

}  // namespace airlock
