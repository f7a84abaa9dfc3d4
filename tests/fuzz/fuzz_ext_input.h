// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the ext fuzz targets share: an input is read from front to back and never ends (zeroes
// follow it); its start picks one of the images of make_ext_images.py and says how to damage it:
//   u8 image, u8 count, then count times { u24 offset, u8 length, length bytes }.
namespace airlock::ext::testing {

class FuzzInput {
 public:
  explicit FuzzInput(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  // Little-endian, of that many bytes.
  std::uint64_t number(unsigned width) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i) value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }
  std::span<const std::uint8_t> bytes(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  // One of the names there are, or a new one.
  std::string name() {
    static constexpr std::array kNames = {"d",     "inner", "small", "file",
                                          "holes", "far",   "many",  "name-005-xxxxxxxxxxx",
                                          "short", "long",  "pipe",  "disk"};
    const std::uint8_t which = byte();
    if (which < kNames.size()) return kNames[which];
    if (which < 250) return "new" + std::to_string(which % 8);
    return std::string(which == 250 ? 255 : which - 200, 'n');
  }

 private:
  std::span<const std::uint8_t> rest_;
};

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
