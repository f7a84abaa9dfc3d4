// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace airlock::fat {

// Which letters are the same name, as an exFAT volume says itself.
class UpcaseTable {
 public:
  // As long as the volume has not been asked, or where it says nothing sensible.
  UpcaseTable();
  // Nothing where the checksum is not that of the bytes, or they mean nothing.
  static std::optional<UpcaseTable> parse(std::span<const std::byte> bytes, std::uint32_t checksum);

  [[nodiscard]] std::u16string fold(std::u16string_view name) const;

  // No table can be larger.
  static constexpr std::size_t kMostBytes = std::size_t{2} << 16;

 private:
  using Units = std::vector<char16_t>;
  explicit UpcaseTable(Units units) : units_(std::make_shared<Units>(std::move(units))) {}

  std::shared_ptr<const Units> units_;
};

}  // namespace airlock::fat
