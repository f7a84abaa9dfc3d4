// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/extent_node.h"

#include <algorithm>
#include <cstring>

#include "contained/ext/libext2fs.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kEntrySize = sizeof(ext3_extent);
constexpr std::size_t kHeaderSize = sizeof(ext3_extent_header);
static_assert(kEntrySize == sizeof(ext3_extent_idx));

// The machine may be big-endian; the medium never is.
template <typename T>
T get(std::span<const std::byte> bytes, std::size_t offset) {
  T value = 0;
  if (offset + sizeof(T) > bytes.size()) return value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

template <typename T>
void put(std::span<std::byte> bytes, std::size_t offset, std::type_identity_t<T> value) {
  (void)store_le<T>(bytes, offset, value);  // a write out of range does nothing, by design
}

std::uint64_t join_halves(std::uint16_t high, std::uint32_t low) {
  return (std::uint64_t{high} << 32) | low;
}

}  // namespace

bool Extent::joins(const Extent& next) const {
  const std::uint32_t longest = unwritten ? kLongestUnwritten : kLongestWritten;
  return unwritten == next.unwritten && end() == next.logical &&
         physical + count == next.physical && std::uint64_t{count} + next.count <= longest;
}

std::uint16_t ExtentNode::header_field(std::size_t offset) const {
  return get<std::uint16_t>(bytes_, offset);
}
void ExtentNode::set_header_field(std::size_t offset, std::uint16_t value) {
  put<std::uint16_t>(bytes_, offset, value);
}

void ExtentNode::initialize(std::uint16_t depth) {
  std::ranges::fill(bytes_, std::byte{0});
  set_header_field(offsetof(ext3_extent_header, eh_magic), EXT3_EXT_MAGIC);
  set_header_field(offsetof(ext3_extent_header, eh_max), capacity());
  set_depth(depth);
}

bool ExtentNode::has_magic() const {
  return header_field(offsetof(ext3_extent_header, eh_magic)) == EXT3_EXT_MAGIC;
}
std::uint16_t ExtentNode::entries() const {
  return header_field(offsetof(ext3_extent_header, eh_entries));
}
std::uint16_t ExtentNode::max() const {
  return header_field(offsetof(ext3_extent_header, eh_max));
}
std::uint16_t ExtentNode::depth() const {
  return header_field(offsetof(ext3_extent_header, eh_depth));
}
std::uint16_t ExtentNode::capacity() const {
  return static_cast<std::uint16_t>((bytes_.size() - kHeaderSize) / kEntrySize);
}
void ExtentNode::set_entries(std::uint16_t entries) {
  set_header_field(offsetof(ext3_extent_header, eh_entries), entries);
}
void ExtentNode::set_depth(std::uint16_t depth) {
  set_header_field(offsetof(ext3_extent_header, eh_depth), depth);
}

std::span<std::byte> ExtentNode::slot(int position) const {
  if (position < 0) return {};
  const std::size_t offset = kHeaderSize + static_cast<std::size_t>(position) * kEntrySize;
  if (offset + kEntrySize > bytes_.size()) return {};
  return bytes_.subspan(offset, kEntrySize);
}

std::uint32_t ExtentNode::key(int position) const {
  static_assert(offsetof(ext3_extent, ee_block) == offsetof(ext3_extent_idx, ei_block));
  return get<std::uint32_t>(slot(position), offsetof(ext3_extent, ee_block));
}
void ExtentNode::set_key(int position, std::uint32_t logical) {
  put<std::uint32_t>(slot(position), offsetof(ext3_extent, ee_block), logical);
}

Extent ExtentNode::extent(int position) const {
  const auto bytes = slot(position);
  const auto length = get<std::uint16_t>(bytes, offsetof(ext3_extent, ee_len));
  Extent extent{
      .logical = get<std::uint32_t>(bytes, offsetof(ext3_extent, ee_block)),
      .physical = join_halves(get<std::uint16_t>(bytes, offsetof(ext3_extent, ee_start_hi)),
                              get<std::uint32_t>(bytes, offsetof(ext3_extent, ee_start))),
      .count = length,
      .unwritten = length > kLongestWritten};
  if (extent.unwritten) extent.count -= kLongestWritten;
  return extent;
}

void ExtentNode::set_extent(int position, const Extent& extent) {
  const auto bytes = slot(position);
  const std::uint32_t length = extent.count + (extent.unwritten ? kLongestWritten : 0);
  put<std::uint32_t>(bytes, offsetof(ext3_extent, ee_block), extent.logical);
  put<std::uint16_t>(bytes, offsetof(ext3_extent, ee_len), static_cast<std::uint16_t>(length));
  put<std::uint16_t>(bytes, offsetof(ext3_extent, ee_start_hi),
                     static_cast<std::uint16_t>(extent.physical >> 32));
  put<std::uint32_t>(bytes, offsetof(ext3_extent, ee_start),
                     static_cast<std::uint32_t>(extent.physical));
}

ExtentIndex ExtentNode::index(int position) const {
  const auto bytes = slot(position);
  return {.logical = get<std::uint32_t>(bytes, offsetof(ext3_extent_idx, ei_block)),
          .child = join_halves(get<std::uint16_t>(bytes, offsetof(ext3_extent_idx, ei_leaf_hi)),
                               get<std::uint32_t>(bytes, offsetof(ext3_extent_idx, ei_leaf)))};
}

void ExtentNode::set_index(int position, const ExtentIndex& index) {
  const auto bytes = slot(position);
  put<std::uint32_t>(bytes, offsetof(ext3_extent_idx, ei_block), index.logical);
  put<std::uint32_t>(bytes, offsetof(ext3_extent_idx, ei_leaf),
                     static_cast<std::uint32_t>(index.child));
  put<std::uint16_t>(bytes, offsetof(ext3_extent_idx, ei_leaf_hi),
                     static_cast<std::uint16_t>(index.child >> 32));
  put<std::uint16_t>(bytes, offsetof(ext3_extent_idx, ei_unused), 0);
}

int ExtentNode::last_not_after(std::uint64_t logical) const {
  int low = 0;
  int high = entries();
  // Files grow at their end, so the last entry is wanted most often.
  if (high > 0 && key(high - 1) <= logical) return high - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (key(middle) <= logical) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

void ExtentNode::open_gap(int position) {
  const int count = entries();
  if (position < 0 || position > count || slot(count).empty()) return;
  const std::span<std::byte> first = slot(position);
  std::memmove(first.data() + kEntrySize, first.data(),
               static_cast<std::size_t>(count - position) * kEntrySize);
  std::ranges::fill(first, std::byte{0});
  set_entries(static_cast<std::uint16_t>(count + 1));
}

void ExtentNode::erase(int first, int last) {
  const int count = entries();
  if (first < 0 || first >= last || last > count || slot(count - 1).empty()) return;
  const std::size_t moved = static_cast<std::size_t>(count - last) * kEntrySize;
  const std::size_t gone = static_cast<std::size_t>(last - first) * kEntrySize;
  std::byte* to = slot(first).data();
  std::memmove(to, to + gone, moved);
  std::memset(to + moved, 0, gone);
  set_entries(static_cast<std::uint16_t>(count - (last - first)));
}

void ExtentNode::move_tail(int first, ExtentNode& to) {
  const int count = entries();
  for (int position = first; position < count; ++position) {
    const auto from = slot(position);
    const auto target = to.slot(to.entries());
    if (from.empty() || target.empty()) return;
    std::ranges::copy(from, target.begin());
    to.set_entries(static_cast<std::uint16_t>(to.entries() + 1));
  }
  erase(first, count);
}

std::uint64_t ExtentNode::last_end() const {
  const int last = entries() - 1;
  return depth() == 0 ? extent(last).end() : std::uint64_t{key(last)} + 1;
}

std::string_view ExtentNode::check_header(std::uint64_t low, std::uint64_t high) const {
  if (!has_magic()) return "it is not a node of an extent tree";
  // Some systems left room for more than a checksum behind the entries.
  if (max() > capacity() || max() + 2 < capacity()) return "it claims an impossible size";
  if (entries() > max()) return "it claims more entries than fit";
  if (entries() == 0) return {};
  if (key(0) < low || last_end() > high) return "its entries are outside the range of its parent";
  return {};
}

std::string_view ExtentNode::check_entries(std::uint64_t low, std::uint64_t high) const {
  std::uint64_t next = low;
  for (int position = 0; position < entries(); ++position) {
    if (key(position) < next) return "its entries overlap or are out of order";
    next = std::uint64_t{key(position)} + 1;
    if (depth() > 0) continue;
    if (extent(position).count == 0) return "it has an extent of no blocks";
    next = extent(position).end();
  }
  return next > high ? "its entries are outside the range of its parent" : std::string_view{};
}

std::size_t ExtentNode::tail_offset() const {
  return kHeaderSize + max() * kEntrySize;
}

bool ExtentNode::checksum_matches(std::uint32_t seed) const {
  const std::size_t offset = tail_offset();
  if (offset + sizeof(ext3_extent_tail) > bytes_.size()) return false;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes_.data());
  return ext2fs_crc32c_le(seed, data, offset) == get<std::uint32_t>(bytes_, offset);
}

void ExtentNode::set_checksum(std::uint32_t seed) {
  const std::size_t offset = tail_offset();
  if (offset + sizeof(ext3_extent_tail) > bytes_.size()) return;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes_.data());
  put<std::uint32_t>(bytes_, offset, ext2fs_crc32c_le(seed, data, offset));
}

}  // namespace airlock::ext
