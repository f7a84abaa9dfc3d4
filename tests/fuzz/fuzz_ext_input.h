// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_input.h"

// The common part of the ext fuzz targets: the start of an input picks one of the images of
// make_ext_images.py and describes the damage:

//   u8 image, u8 count, then count times { u24 offset, u8 length, length bytes }.
namespace airlock::ext::testing {

struct ImagePart {
  std::size_t offset;
  std::string_view hexadecimal;
};

inline std::vector<std::vector<std::byte>> make_seed_images() {
  std::vector<std::vector<std::byte>> images;
  const auto put = [&images](const ImagePart& part) {
    for (std::size_t i = 0; i * 2 + 1 < part.hexadecimal.size(); ++i) {
      unsigned value = 0;
      (void)std::from_chars(part.hexadecimal.data() + i * 2, part.hexadecimal.data() + i * 2 + 2,
                            value, 16);
      images.back()[part.offset + i] = static_cast<std::byte>(value);
    }
  };
#define IMAGE(number, size) images.emplace_back(size);
#define PART(offset, ...) put({offset, __VA_ARGS__});
#include "tests/fuzz/ext_images.inc"
#undef PART
#undef IMAGE
  return images;
}

inline std::vector<std::byte> damaged_image(FuzzInput& input) {
  static const auto images = make_seed_images();
  std::vector<std::byte> image = images[input.byte() % images.size()];
  for (unsigned count = input.byte(); count > 0; --count) {
    const std::uint64_t offset = input.number(3) % image.size();
    const auto bytes = std::as_bytes(input.bytes(input.byte()));
    const std::size_t length = std::min<std::size_t>(bytes.size(), image.size() - offset);
    std::copy_n(bytes.begin(), length, image.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return image;
}

}  // namespace airlock::ext::testing
