// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "contained/iso/directory_record.h"
#include "lib/base/byte_view.h"

namespace airlock::iso {

inline std::string le_be(std::uint32_t number) {
  std::array<std::byte, 8> bytes;
  (void)store_le<std::uint32_t>(bytes, 0, number);
  (void)store_be<std::uint32_t>(bytes, 4, number);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The entries of SUSP and Rock Ridge, as tests write them.
inline std::string entry(std::string_view signature, std::string_view data) {
  return std::string(signature) + static_cast<char>(4 + data.size()) + '\1' + std::string(data);
}
inline std::string sp(char skip = 0) {
  return entry("SP", std::string("\xbe\xef") + skip);
}
inline std::string px(std::uint32_t mode, std::uint32_t links = 1, std::uint32_t user = 0,
                      std::uint32_t group = 0) {
  return entry("PX", le_be(mode) + le_be(links) + le_be(user) + le_be(group));
}
inline std::string nm(std::string_view name, char flags = 0) {
  return entry("NM", flags + std::string(name));
}
inline std::string ce(std::uint32_t block, std::uint32_t offset, std::uint32_t size) {
  return entry("CE", le_be(block) + le_be(offset) + le_be(size));
}
inline std::string component(char flags, std::string_view content = "") {
  return {std::string{flags, static_cast<char>(content.size())} + std::string(content)};
}
inline std::string sl(std::string_view components, char flags = 0) {
  return entry("SL", flags + std::string(components));
}

struct FieldsOfRecord {
  std::uint32_t block = 0;
  std::uint32_t size = 0;
  std::uint8_t flags = 0;
  std::string field;  // what extensions say of it
  std::uint8_t attribute_blocks = 0;
  std::uint8_t unit_size = 0;
  std::uint8_t gap_size = 0;
  std::array<std::uint8_t, 7> recorded = {};
};

// An image that a test makes record by record, right or wrong. It begins as a volume with an empty
// root.
class IsoImage {
 public:
  static constexpr std::uint32_t kPrimary = 16, kSecond = 17, kRoot = 20;

  using File = FieldsOfRecord;
  static constexpr std::uint8_t kDirectory = 2, kAssociated = 4, kMore = 0x80;

  explicit IsoImage(std::string root_field = "", std::uint32_t block_size = 2048)
      : block_size_(block_size) {
    bytes.resize(64 * kSector);
    add_descriptor(kPrimary, 1, kRoot * per_sector());
    put(kSecond * kSector,
        "\xff"
        "CD001\1");
    next_ = kRoot;
    add_directory(0, root_field);
  }

  [[nodiscard]] std::uint32_t per_sector() const {
    return static_cast<std::uint32_t>(kSector / block_size_);
  }

  void put(std::size_t offset, std::string_view text) {
    if (bytes.size() < offset + text.size()) bytes.resize(offset + text.size());
    std::memcpy(bytes.data() + offset, text.data(), text.size());
  }

  void add_descriptor(std::uint32_t sector, char type, std::uint32_t root_block) {
    const std::size_t at = sector * kSector;
    put(at, type + std::string("CD001\1"));
    put(at + 80, le_be(64 * per_sector()));
    (void)store_le<std::uint16_t>(bytes, at + 128, static_cast<std::uint16_t>(block_size_));
    put(at + 156,
        record(std::string(1, '\0'), {.block = root_block, .size = kSector, .flags = kDirectory}));
  }
  // Replaces the end of the list, which moves on.
  void add_joliet(std::uint32_t root_block) {
    add_descriptor(kSecond, 2, root_block);
    put(kSecond * kSector + 88, "%/E");
    put((kSecond + 1) * kSector,
        "\xff"
        "CD001\1");
  }

  static std::string record(std::string_view name, const File& file) {
    std::string text(33, '\0');
    text[1] = static_cast<char>(file.attribute_blocks);
    text.replace(2, 8, le_be(file.block));
    text.replace(10, 8, le_be(file.size));
    for (std::size_t i = 0; i < 7; ++i) text[18 + i] = static_cast<char>(file.recorded[i]);
    text[25] = static_cast<char>(file.flags);
    text[26] = static_cast<char>(file.unit_size);
    text[27] = static_cast<char>(file.gap_size);
    text[32] = static_cast<char>(name.size());
    text += name;
    if (name.size() % 2 == 0) text += '\0';
    text += file.field;
    if (text.size() % 2 != 0) text += '\0';
    text[0] = static_cast<char>(text.size());
    return text;
  }

  // Takes sectors nothing else uses, and returns the first block.
  std::uint32_t take(std::uint32_t sectors = 1) {
    const std::uint32_t sector = next_;
    next_ += sectors;
    if (bytes.size() < next_ * kSector) bytes.resize(next_ * kSector);
    return sector * per_sector();
  }
  std::uint32_t take_for(std::string_view content) {
    const std::uint32_t block =
        take(static_cast<std::uint32_t>((content.size() + kSector - 1) / kSector));
    put(at_block(block), content);
    return block;
  }
  [[nodiscard]] std::size_t at_block(std::uint32_t block) const {
    return std::size_t{block} * block_size_;
  }

  // An empty directory, and returns its block. It has no entry in its parent yet.
  std::uint32_t add_directory(std::uint32_t parent, const std::string& own_field = "",
                              std::uint32_t sectors = 1, const std::string& parent_field = "") {
    const std::uint32_t block = take(sectors);
    ends_.push_back({block, 0});
    const auto size = static_cast<std::uint32_t>(sectors * kSector);
    add(block, std::string(1, '\0'),
        {.block = block, .size = size, .flags = kDirectory, .field = own_field});
    add(block, "\1",
        {.block = parent == 0 ? block : parent,
         .size = kSector,
         .flags = kDirectory,
         .field = parent_field});
    return block;
  }
  [[nodiscard]] std::uint32_t root() const { return kRoot * per_sector(); }

  // A record in a directory; returns where it is on the medium.
  std::size_t add(std::uint32_t directory, std::string_view name, const File& file) {
    const std::string text = record(name, file);
    std::size_t& end = end_of(directory);
    if (end % kSector + text.size() > kSector) end += kSector - end % kSector;
    const std::size_t at = at_block(directory) + end;
    put(at, text);
    end += text.size();
    return at;
  }
  std::size_t add_file(std::uint32_t directory, std::string_view name, std::string_view content,
                       File file = {}) {
    file.block = content.empty() ? 0 : take_for(content);
    file.size = static_cast<std::uint32_t>(content.size());
    return add(directory, name, file);
  }
  std::uint32_t add_subdirectory(std::uint32_t parent, std::string_view name,
                                 const std::string& field = "") {
    const std::uint32_t block = add_directory(parent, field);
    add(parent, name, {.block = block, .size = kSector, .flags = kDirectory, .field = field});
    return block;
  }
  void skip_to_next_sector(std::uint32_t directory) {
    std::size_t& end = end_of(directory);
    end = next_sector(end);
  }

  std::vector<std::byte> bytes;

 private:
  struct End {
    std::uint32_t directory;
    std::size_t position;
  };
  std::size_t& end_of(std::uint32_t directory) {
    for (End& end : ends_)
      if (end.directory == directory) return end.position;
    std::abort();
  }
  std::vector<End> ends_;
  std::uint32_t block_size_;
  std::uint32_t next_ = 0;
};

}  // namespace airlock::iso
