// SPDX-License-Identifier: GPL-2.0-or-later
#include "content.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace airlock::test {
namespace {

std::uint64_t next_number(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31U);
}

}  // namespace

std::vector<std::byte> make_content(std::uint64_t seed, std::size_t length) {
  std::vector<std::byte> bytes(length);
  std::uint64_t state = seed * 0x2545f4914f6cdd1dU;
  for (std::size_t at = 0; at < length; at += sizeof(std::uint64_t)) {
    const std::uint64_t number = next_number(state) | 0x0101010101010101U;
    std::memcpy(bytes.data() + at, &number, std::min(sizeof number, length - at));
  }
  return bytes;
}

void Digest::add(std::uint64_t number) {
  state_ = (state_ ^ number) * 0x9e3779b97f4a7c15U;
  state_ ^= state_ >> 29U;
}

void Digest::add(std::span<const std::byte> bytes) {
  add(std::uint64_t{bytes.size()});
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    add(word);
    bytes = bytes.subspan(size);
  }
}

std::string Digest::text() const {
  return fmt::format("{:016x}", state_);
}

std::string digest_of(std::span<const std::byte> bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.text();
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace airlock::test
