// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/block_reader.h"

#include "lib/base/byte_view.h"

namespace airlock::udf {

LongExtent LongExtent::decode(std::span<const std::byte> bytes, std::size_t at) {
  return {.place = {.block = load_le<std::uint32_t>(bytes, at + 4).value_or(0),
                    .partition = load_le<std::uint16_t>(bytes, at + 8).value_or(0)},
          .length = load_le<std::uint32_t>(bytes, at).value_or(0)};
}

Outcome<std::vector<std::byte>> BlockReader::read_block(Place place) const {
  std::vector<std::byte> block(block_size_);
  TRY_VOID(read(place, 0, block));
  return block;
}

}  // namespace airlock::udf
