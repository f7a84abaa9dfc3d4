// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace airlock {

// Reads and writes integers in a span of untrusted bytes. Every access is checked against the span;
// out of range is an answer (nullopt, false), never undefined. Neither alignment nor the machine's
// byte order matters.
template <std::unsigned_integral T, std::endian Order>
std::optional<T> load(std::span<const std::byte> bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = 8 * (Order == std::endian::little ? i : sizeof(T) - 1 - i);
    value = static_cast<T>(value | static_cast<T>(std::to_integer<T>(bytes[offset + i]) << shift));
  }
  return value;
}

template <std::unsigned_integral T, std::endian Order>
[[nodiscard]] bool store(std::span<std::byte> bytes, std::size_t offset, T value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = 8 * (Order == std::endian::little ? i : sizeof(T) - 1 - i);
    bytes[offset + i] = static_cast<std::byte>(value >> shift);
  }
  return true;
}

template <std::unsigned_integral T>
std::optional<T> load_le(std::span<const std::byte> bytes, std::size_t offset) {
  return load<T, std::endian::little>(bytes, offset);
}
template <std::unsigned_integral T>
std::optional<T> load_be(std::span<const std::byte> bytes, std::size_t offset) {
  return load<T, std::endian::big>(bytes, offset);
}
template <std::unsigned_integral T>
[[nodiscard]] bool store_le(std::span<std::byte> bytes, std::size_t offset, T value) {
  return store<T, std::endian::little>(bytes, offset, value);
}
template <std::unsigned_integral T>
[[nodiscard]] bool store_be(std::span<std::byte> bytes, std::size_t offset, T value) {
  return store<T, std::endian::big>(bytes, offset, value);
}

// Sums and products of numbers from the medium: nullopt if they would wrap.
template <std::unsigned_integral T>
std::optional<T> checked_add(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
template <std::unsigned_integral T>
std::optional<T> checked_multiply(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

}  // namespace airlock
