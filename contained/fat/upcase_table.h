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

// The case folding that an exFAT volume stores itself.
class UpcaseTable {
 public:
  // The default, until the volume's table is read or if that one is invalid.
  UpcaseTable();
  // Nothing if the checksum does not match, or the bytes are not a table.
  static std::optional<UpcaseTable> parse(std::span<const std::byte> bytes, std::uint32_t checksum);

  [[nodiscard]] std::u16string fold(std::u16string_view name) const;

  // The size of the largest possible table.
  static constexpr std::size_t kMostBytes = std::size_t{2} << 16;

 private:
  using Units = std::vector<char16_t>;
  explicit UpcaseTable(Units units) : units_(std::make_shared<Units>(std::move(units))) {}

  std::shared_ptr<const Units> units_;
};

}  // namespace airlock::fat
