// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/info_sector.h"

#include <array>
#include <vector>

#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::uint32_t kUnknownCount = 0xffff'ffff;
constexpr std::size_t kFreeAt = 488;
constexpr std::size_t kHintAt = 492;

struct Signature {
  std::size_t at;
  std::uint32_t value;
};
constexpr std::array kSignatures = {Signature{0, 0x41615252}, Signature{484, 0x61417272},
                                    Signature{508, 0xaa550000}};

std::optional<std::vector<std::byte>> load(BlockIo& io, const Geometry& geometry) {
  if (geometry.info_offset == 0) return std::nullopt;
  std::vector<std::byte> sector(geometry.sector_size);
  if (!io.read(geometry.info_offset, sector)) return std::nullopt;
  for (const Signature& signature : kSignatures) {
    if (load_le<std::uint32_t>(sector, signature.at) != signature.value) return std::nullopt;
  }
  return sector;
}

}  // namespace

InfoSector read_info_sector(BlockIo& io, const Geometry& geometry) {
  const auto sector = load(io, geometry);
  if (!sector) return {};
  InfoSector info = {.free = load_le<std::uint32_t>(*sector, kFreeAt),
                     .hint = load_le<std::uint32_t>(*sector, kHintAt)};
  if (info.free > geometry.cluster_count) info.free.reset();
  if (!geometry.is_cluster(info.hint.value_or(0))) info.hint.reset();
  return info;
}

Outcome<void> write_info_sector(BlockIo& io, const Geometry& geometry, const InfoSector& info) {
  auto sector = load(io, geometry);
  if (!sector) return {};
  (void)store_le(*sector, kFreeAt, info.free.value_or(kUnknownCount));
  (void)store_le(*sector, kHintAt, info.hint.value_or(kUnknownCount));
  return io.write(geometry.info_offset, *sector);
}

}  // namespace airlock::fat
