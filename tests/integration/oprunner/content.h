// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

// Test data that can be made again from a seed, and a digest for comparison. Both mounts of a
// differential run make the same bytes from the same script, so no data needs to be passed around.

namespace airlock::test {

// The bytes of a write with this seed; never all zero, so it differs from a hole.
std::vector<std::byte> make_content(std::uint64_t seed, std::size_t length);

// A running digest of bytes; good enough to tell files apart, but no protection against malice.
class Digest {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::uint64_t number);
  [[nodiscard]] std::string text() const;

 private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

std::string digest_of(std::span<const std::byte> bytes);

bool all_zero(std::span<const std::byte> bytes);

}  // namespace airlock::test
