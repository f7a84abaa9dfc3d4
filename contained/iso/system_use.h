// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "contained/runtime/medium_reader.h"

namespace airlock::iso {

// Along the entries that extensions have added to a record (SUSP, IEEE P1281). They begin behind
// its name and continue elsewhere on the medium, at most kMostAreas times and kMostBytes in all,
// which is as far as Linux follows them.
class SystemUse {
 public:
  static constexpr int kMostAreas = 32;
  static constexpr std::size_t kMostBytes = std::size_t{64} << 10;

  struct Entry {
    std::string_view signature;       // two letters
    std::span<const std::byte> data;  // behind length and version
  };

  SystemUse(const MediumReader& medium, std::uint32_t block_size, std::span<const std::byte> area)
      : medium_(medium), block_size_(block_size), area_(area) {}

  // The next one, or nothing behind the last. Valid until the next call.
  Outcome<std::optional<Entry>> next();

 private:
  struct Continuation {
    std::uint64_t offset;
    std::uint32_t size;
  };
  Outcome<void> continue_with(Continuation continuation);

  const MediumReader& medium_;
  std::uint32_t block_size_;
  std::span<const std::byte> area_;
  std::vector<std::byte> bytes_;
  std::optional<Continuation> behind_;
  int areas_ = 0;
  std::size_t total_ = 0;
};

}  // namespace airlock::iso
