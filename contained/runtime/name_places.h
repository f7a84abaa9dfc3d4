// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "contained/runtime/file_system.h"

namespace airlock {

// Where in their directories names were seen, because the medium has no index, and programs ask for
// the attributes of every file that a listing has shown. A full slot is used again, so that a
// position may be forgotten, or be that of another name: the user looks there. The lock is its own,
// and nothing is read under it.
class NamePlaces {
 public:
  static constexpr std::size_t kSlots = std::size_t{1} << 17;  // 2 MiB

  void remember(NodeId directory, std::string_view name, std::uint64_t position);
  [[nodiscard]] std::optional<std::uint64_t> find(NodeId directory, std::string_view name) const;

 private:
  struct Slot {
    std::uint64_t key = 0;  // 0: nothing is in it
    std::uint64_t position = 0;
  };
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;  // empty until there is something to remember
};

}  // namespace airlock
