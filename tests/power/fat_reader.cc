// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/fat_reader.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

namespace airlock::power {
namespace {

constexpr std::size_t kEntry = 32;
constexpr std::size_t kMostEntries = 200000;
constexpr std::size_t kDeepest = 16;

// Reads beyond the end give zeroes, and the fault shows in their consequences.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t get(std::uint64_t at, unsigned size) const {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size && at + i < bytes_.size(); ++i)
      value |= std::to_integer<std::uint64_t>(bytes_[at + i]) << (8 * i);
    return value;
  }
  [[nodiscard]] std::string text(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return {};
    std::string text(size, '\0');
    std::memcpy(text.data(), bytes_.data() + at, size);
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
};

// The place of a file or folder.
struct Body {
  std::uint64_t cluster = 0;
  std::uint64_t size = 0;
  std::uint64_t written = 0;
  bool together = false;  // consecutive, without a chain
};

class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}
  virtual ~Reader() = default;

  FatReading read() {
    list(root(), "", 0);
    return {.tree = std::move(tree_), .wrong = std::move(wrong_)};
  }

 protected:
  [[nodiscard]] virtual std::string root() = 0;
  // The entry in the table: 0 for free or damaged, 1 for the end.
  [[nodiscard]] virtual std::uint64_t next(std::uint64_t cluster) const = 0;
  [[nodiscard]] virtual bool is_used(std::uint64_t) const { return true; }
  virtual void list(const std::string& records, const std::string& path, std::size_t depth) = 0;

  void blame(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  // All of a chain, or its first `most` bytes.
  std::string chain(const Body& body, std::uint64_t most, const std::string& path) {
    std::string text;
    std::uint64_t cluster = body.cluster;
    while (text.size() < most) {
      if (cluster < 2 || cluster >= clusters_ + 2) {
        blame(fmt::format("{}: its chain leads to {}", path, cluster));
        break;
      }
      own(cluster, body.cluster, path);
      text += bytes_.text(data_ + (cluster - 2) * cluster_size_, cluster_size_);
      if (text.size() >= most) break;
      cluster = body.together ? cluster + 1 : next(cluster);
      if (cluster == 1) break;
    }
    text.resize(std::min<std::uint64_t>(text.size(), most));
    return text;
  }

  void own(std::uint64_t cluster, std::uint64_t first, const std::string& path) {
    if (!is_used(cluster)) blame(fmt::format("{}: its cluster {} is free", path, cluster));
    const auto [owner, fresh] = owners_.emplace(cluster, first);
    if (!fresh && owner->second != first)
      blame(fmt::format("{}: its cluster {} is another file's", path, cluster));
  }

  void found(const std::string& path, bool folder, const Body& body, std::size_t depth) {
    if (tree_.size() > kMostEntries || depth > kDeepest) return blame(path + ": too much");
    Found found = {.path = path, .folder = folder, .content = {}, .identity = body.cluster};
    if (folder) {
      tree_.push_back(std::move(found));
      const std::uint64_t most = body.size == 0 ? kMostEntries * kEntry : body.size;
      return list(chain(body, most, path), path, depth + 1);
    }
    if (body.size > 0) found.content = chain(body, body.written, path);
    if (found.content.size() < body.written) blame(path + ": its chain is too short");
    found.content.resize(body.size);
    tree_.push_back(std::move(found));
  }

  Bytes bytes_;
  std::uint64_t data_ = 0;
  std::uint64_t cluster_size_ = 0;
  std::uint64_t clusters_ = 0;
  std::uint64_t table_ = 0;

 private:
  Tree tree_;
  std::string wrong_;
  std::map<std::uint64_t, std::uint64_t> owners_;  // cluster, first cluster of its owner
};

class Fat final : public Reader {
 public:
  explicit Fat(Bytes bytes) : Reader(bytes) {
    const std::uint64_t sector = bytes_.get(11, 2);
    cluster_size_ = bytes_.get(13, 1) * sector;
    table_ = bytes_.get(14, 2) * sector;
    const std::uint64_t small = bytes_.get(22, 2);
    wide_ = small == 0;
    root_at_ = table_ + bytes_.get(16, 1) * (wide_ ? bytes_.get(36, 4) : small) * sector;
    root_size_ = bytes_.get(17, 2) * kEntry;
    data_ = root_at_ + root_size_;
    const std::uint64_t few = bytes_.get(19, 2);
    clusters_ = ((few != 0 ? few : bytes_.get(32, 4)) * sector - data_) / cluster_size_;
    bits_ = wide_ ? 32 : clusters_ < 4085 ? 12 : 16;
  }

 private:
  std::string root() override {
    if (!wide_) return bytes_.text(root_at_, root_size_);
    return chain({.cluster = bytes_.get(44, 4)}, kMostEntries * kEntry, "/");
  }

  [[nodiscard]] std::uint64_t next(std::uint64_t cluster) const override {
    const std::uint64_t at = cluster * bits_ / 8;
    std::uint64_t value = bytes_.get(table_ + at, bits_ == 32 ? 4 : 2);
    if (bits_ == 32) value &= 0x0fffffff;
    if (bits_ == 12) value = cluster % 2 == 0 ? value & 0xfff : value >> 4;
    const std::uint64_t top = bits_ == 32 ? 0x0ffffff8 : bits_ == 16 ? 0xfff8 : 0xff8;
    return value >= top ? 1 : value == 1 ? 0 : value;
  }

  static std::string long_part(const Bytes& bytes) {
    std::string text;
    for (const unsigned at : {1u, 3u, 5u, 7u, 9u, 14u, 16u, 18u, 20u, 22u, 24u, 28u, 30u}) {
      const auto unit = bytes.get(at, 2);
      if (unit == 0) break;
      text += static_cast<char>(unit);
    }
    return text;
  }

  static std::string short_name(const Bytes& bytes) {
    std::string name = bytes.text(0, 8);
    std::string end = bytes.text(8, 3);
    const auto lower = [](std::string& text) {
      for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    if ((bytes.get(12, 1) & 8) != 0) lower(name);
    if ((bytes.get(12, 1) & 16) != 0) lower(end);
    name.resize(name.find_last_not_of(' ') + 1);
    end.resize(end.find_last_not_of(' ') + 1);
    return end.empty() ? name : name + "." + end;
  }

  static unsigned checksum(const std::string& name) {
    unsigned sum = 0;
    for (const char c : name)
      sum = (((sum & 1) << 7) + (sum >> 1) + static_cast<std::uint8_t>(c)) & 255;
    return sum;
  }

  void list(const std::string& records, const std::string& path, std::size_t depth) override {
    std::string long_name;
    unsigned expected = 0;  // the part that has to come next
    unsigned sum = 0;
    for (std::size_t at = 0; at + kEntry <= records.size(); at += kEntry) {
      const Bytes entry(std::as_bytes(std::span(records)).subspan(at, kEntry));
      const auto mark = entry.get(0, 1);
      const auto kind = entry.get(11, 1);
      if (mark == 0) return;
      if (mark != 0xe5 && (kind & 0x3f) == 0x0f) {
        if ((mark & 0x40) != 0) long_name.clear();
        const bool fits =
            (mark & 0x40) != 0 || ((mark & 0x3f) == expected && entry.get(13, 1) == sum);
        long_name = fits ? long_part(entry) + long_name : "";
        sum = static_cast<unsigned>(entry.get(13, 1));
        expected = fits ? static_cast<unsigned>(mark & 0x3f) - 1 : 0x3f;
        continue;
      }
      const bool whole = expected == 0 && !long_name.empty() && sum == checksum(entry.text(0, 11));
      const std::string name = whole ? long_name : short_name(entry);
      long_name.clear();
      if (mark == 0xe5 || (kind & 8) != 0 || mark == '.') continue;
      const Body body = {.cluster = entry.get(26, 2) | (wide_ ? entry.get(20, 2) << 16 : 0),
                         .size = entry.get(28, 4),
                         .written = entry.get(28, 4)};
      found(path + "/" + name, (kind & 16) != 0, body, depth);
    }
  }

  bool wide_ = false;
  std::uint64_t root_at_ = 0;
  std::uint64_t root_size_ = 0;
  std::uint64_t bits_ = 16;
};

class Exfat final : public Reader {
 public:
  explicit Exfat(Bytes bytes) : Reader(bytes) {
    const std::uint64_t sector = std::uint64_t{1} << bytes_.get(108, 1);
    cluster_size_ = sector << bytes_.get(109, 1);
    table_ = bytes_.get(80, 4) * sector;
    data_ = bytes_.get(88, 4) * sector;
    clusters_ = bytes_.get(92, 4);
  }

 private:
  std::string root() override {
    const Body body = {.cluster = bytes_.get(96, 4)};
    std::string records = chain(body, kMostEntries * kEntry, "/");
    for (std::size_t at = 0; at + kEntry <= records.size() && bitmap_ == 0; at += kEntry) {
      const Bytes entry(std::as_bytes(std::span(records)).subspan(at, kEntry));
      if (entry.get(0, 1) == 0x81) bitmap_ = data_ + (entry.get(20, 4) - 2) * cluster_size_;
    }
    if (bitmap_ == 0) blame("there is no bitmap");
    return records;
  }

  [[nodiscard]] std::uint64_t next(std::uint64_t cluster) const override {
    const std::uint64_t value = bytes_.get(table_ + cluster * 4, 4);
    return value == 0xffffffff ? 1 : value == 1 ? 0 : value;
  }
  [[nodiscard]] bool is_used(std::uint64_t cluster) const override {
    return bitmap_ == 0 ||
           (bytes_.get(bitmap_ + (cluster - 2) / 8, 1) >> (cluster - 2) % 8 & 1) != 0;
  }

  static unsigned checksum(const std::string& set) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < set.size(); ++i) {
      if (i == 2 || i == 3) continue;
      sum = ((sum & 1) << 15) + (sum >> 1) + static_cast<std::uint8_t>(set[i]);
      sum &= 0xffff;
    }
    return sum;
  }

  static std::string name_in(const Bytes& set, std::size_t count) {
    std::string name;
    const auto length = set.get(kEntry + 3, 1);
    for (std::size_t i = 0; i < length && 2 + i / 15 < count; ++i)
      name += static_cast<char>(set.get((2 + i / 15) * kEntry + 2 + i % 15 * 2, 2));
    return name;
  }

  // A set with a wrong checksum does not belong to any file.
  void list(const std::string& records, const std::string& path, std::size_t depth) override {
    for (std::size_t at = 0; at + kEntry <= records.size(); at += kEntry) {
      const Bytes first(std::as_bytes(std::span(records)).subspan(at, kEntry));
      if (first.get(0, 1) == 0) return;
      const std::size_t count = first.get(1, 1) + 1;
      if (first.get(0, 1) != 0x85 || count < 3 || at + count * kEntry > records.size()) continue;
      const std::string bytes = records.substr(at, count * kEntry);
      const Bytes set(std::as_bytes(std::span(bytes)));
      if (checksum(bytes) != set.get(2, 2) || set.get(kEntry, 1) != 0xc0) continue;
      const Body body = {.cluster = set.get(kEntry + 20, 4),
                         .size = set.get(kEntry + 24, 8),
                         .written = set.get(kEntry + 8, 8),
                         .together = (set.get(kEntry + 1, 1) & 2) != 0};
      found(path + "/" + name_in(set, count), (set.get(4, 2) & 16) != 0, body, depth);
      at += (count - 1) * kEntry;
    }
  }

  std::uint64_t bitmap_ = 0;
};

}  // namespace

FatReading read_fat(std::span<const std::byte> image) {
  const Bytes bytes(image);
  if (bytes.text(3, 8) == "EXFAT   ") return Exfat(bytes).read();
  return Fat(bytes).read();
}

}  // namespace airlock::power
