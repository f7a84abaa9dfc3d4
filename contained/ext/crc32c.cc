// SPDX-License-Identifier: GPL-2.0-or-later

#include <array>
#include <cstdint>
#include <cstring>

#include "contained/ext/libext2fs.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>

#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

// libext2fs computes CRC32C with tables, which costs a metadata-heavy driver up to a third of its
// time. The processor has an instruction for exactly this sum. Defining the library's own symbol
// in the program makes the library use this one too; crc32c_test checks that it does.

namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected Castagnoli

constexpr std::array<std::uint32_t, 256> kTable = [] {
  std::array<std::uint32_t, 256> table = {};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) * kPolynomial);
    table[i] = value;
  }
  return table;
}();

std::uint32_t by_table(std::uint32_t crc, const unsigned char* bytes, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) crc = (crc >> 8) ^ kTable[(crc ^ bytes[i]) & 0xff];
  return crc;
}

#if defined(__x86_64__)
constexpr bool kMayHaveInstruction = true;

bool has_instruction() {
  return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc,
                                                               const unsigned char* bytes,
                                                               std::size_t length) {
  std::uint64_t wide = crc;
  for (; length >= 8; bytes += 8, length -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; length > 0; ++bytes, --length) crc = _mm_crc32_u8(crc, *bytes);
  return crc;
}
#elif defined(__aarch64__)
constexpr bool kMayHaveInstruction = true;

bool has_instruction() {
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

__attribute__((target("+crc"))) std::uint32_t by_instruction(std::uint32_t crc,
                                                             const unsigned char* bytes,
                                                             std::size_t length) {
  for (; length >= 8; bytes += 8, length -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    crc = __crc32cd(crc, word);
  }
  for (; length > 0; ++bytes, --length) crc = __crc32cb(crc, *bytes);
  return crc;
}
#else
constexpr bool kMayHaveInstruction = false;

bool has_instruction() {
  return false;
}

std::uint32_t by_instruction(std::uint32_t crc, const unsigned char* bytes, std::size_t length) {
  return by_table(crc, bytes, length);
}
#endif

}  // namespace

extern "C" __attribute__((visibility("default"))) __u32 ext2fs_crc32c_le(__u32 crc,
                                                                         unsigned char const* bytes,
                                                                         std::size_t length) {
  static const bool instruction = kMayHaveInstruction && has_instruction();
  return instruction ? by_instruction(crc, bytes, length) : by_table(crc, bytes, length);
}
