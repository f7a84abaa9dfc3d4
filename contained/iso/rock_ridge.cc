// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/rock_ridge.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "contained/iso/timestamps.h"
#include "lib/base/byte_view.h"

namespace airlock::iso {
namespace {

using Bytes = std::span<const std::byte>;

// The first bytes of a system use field on a CD-ROM XA are those of XA.
constexpr std::array<std::size_t, 2> kMarksAt = {0, 14};

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Every number is there twice; this is the first copy, as Linux reads it.
Outcome<std::uint32_t> number_in(Bytes data, std::size_t offset) {
  const auto number = load_le<std::uint32_t>(data, offset);
  if (!number) return refuse(EIO);
  return *number;
}

Outcome<std::uint8_t> byte_in(Bytes data, std::size_t offset) {
  const auto number = load_le<std::uint8_t>(data, offset);
  if (!number) return refuse(EIO);
  return *number;
}

// The target of a symbolic link, of components that may continue in the next one.
class LinkTarget {
 public:
  // One SL entry.
  Outcome<void> add(Bytes data) {
    if (data.empty()) return refuse(EIO);
    data = data.subspan(1);
    while (!data.empty()) {
      TRY(const std::uint8_t flags, byte_in(data, 0));
      TRY(const std::uint8_t length, byte_in(data, 1));
      data = data.subspan(2);
      if (length > data.size()) return refuse(EIO);
      add_component(flags, text_of(data.first(length)));
      data = data.subspan(length);
    }
    return {};
  }

  [[nodiscard]] std::string take() && { return is_path_ ? std::move(text_) : std::string(); }

 private:
  enum Flags : std::uint8_t { kContinues = 1, kCurrent = 2, kParent = 4, kRoot = 8 };

  void add_component(std::uint8_t flags, std::string_view content) {
    if (!is_first_ && !continues_ && text_ != "/") text_ += '/';
    continues_ = (flags & kContinues) != 0;
    switch (flags & ~kContinues) {
      case 0:
        text_ += content;
        break;
      case kCurrent:
        text_ += '.';
        break;
      case kParent:
        text_ += "..";
        break;
      case kRoot:
        if (!is_first_) is_path_ = false;
        text_ = "/";
        break;
      default:
        // The root of another volume, or the name of this machine: no path says that.
        is_path_ = false;
    }
    is_first_ = false;
  }

  std::string text_;
  bool is_first_ = true;
  bool continues_ = false;
  bool is_path_ = true;
};

Outcome<PosixAttributes> posix_attributes(Bytes data) {
  TRY(const std::uint32_t mode, number_in(data, 0));
  TRY(const std::uint32_t links, number_in(data, 8));
  TRY(const std::uint32_t user, number_in(data, 16));
  TRY(const std::uint32_t group, number_in(data, 24));
  return PosixAttributes{.mode = mode, .links = links, .user = user, .group = group};
}

// The standard has two halves of 32 bits, which is all of the number in the second for every
// program that writes it; a few write major and minor number.
Outcome<dev_t> device_number(Bytes data) {
  TRY(const std::uint32_t high, number_in(data, 0));
  TRY(const std::uint32_t low, number_in(data, 8));
  if (high == 0 && low > 0xff) return makedev(low >> 8, low & 0xff);
  return makedev(high, low);
}

// Those the flags name follow each other, in the order of the flags.
Outcome<std::optional<timespec>> modification_time(Bytes data) {
  constexpr std::uint8_t kCreated = 1, kModified = 2, kLong = 0x80;
  TRY(const std::uint8_t flags, byte_in(data, 0));
  if ((flags & kModified) == 0) return std::nullopt;
  const bool is_long = (flags & kLong) != 0;
  const std::size_t length = is_long ? kLongTime : kShortTime;
  const std::size_t at = 1 + ((flags & kCreated) != 0 ? length : 0);
  if (at + length > data.size()) return refuse(EIO);
  return is_long ? long_time(data.subspan(at)) : short_time(data.subspan(at));
}

Outcome<Compression> compression_of(Bytes data) {
  TRY(const std::uint8_t header_words, byte_in(data, 2));
  TRY(const std::uint8_t shift, byte_in(data, 3));
  TRY(const std::uint32_t size, number_in(data, 4));
  return Compression{.is_known = text_of(data).starts_with("pz"),
                     .header_size = 4u * header_words,
                     .block_shift = shift,
                     .size = size};
}

Outcome<void> add_name(std::optional<std::string>& name, Bytes data) {
  constexpr std::uint8_t kCurrentOrParent = 6;
  TRY(const std::uint8_t flags, byte_in(data, 0));
  if ((flags & kCurrentOrParent) != 0) return {};
  if (!name) name.emplace();
  *name += text_of(data.subspan(1));
  return {};
}

Outcome<void> add_entry(RockRidge& found, LinkTarget& target, const SystemUse::Entry& entry) {
  const Bytes data = entry.data;
  const std::string_view signature = entry.signature;
  if (signature == "NM") return add_name(found.name, data);
  if (signature == "SL") return target.add(data);
  if (signature == "RE") found.is_relocated = true;
  if (signature == "PX") {
    TRY(found.posix, posix_attributes(data));
  } else if (signature == "PN") {
    TRY(found.device, device_number(data));
  } else if (signature == "CL") {
    TRY(found.child, number_in(data, 0));
  } else if (signature == "PL") {
    TRY(found.parent, number_in(data, 0));
  } else if (signature == "ZF") {
    TRY(found.compression, compression_of(data));
  } else if (signature == "TF") {
    TRY(const auto modified, modification_time(data));
    if (modified) found.modified = modified;
  }
  return {};
}

// The names under which programs announce Rock Ridge.
bool names_rock_ridge(Bytes data) {
  constexpr std::size_t kNameOfExtension = 4;
  if (data.size() < kNameOfExtension) return false;
  const auto length = std::to_integer<std::size_t>(data[0]);
  const auto text = text_of(data.subspan(kNameOfExtension)).substr(0, length);
  return text == "RRIP_1991A" || text == "IEEE_P1282" || text == "IEEE_1282";
}

}  // namespace

Outcome<RockRidge> read_rock_ridge(SystemUse entries) {
  RockRidge found;
  LinkTarget target;
  for (;;) {
    TRY(const auto entry, entries.next());
    if (!entry) break;
    TRY_VOID(add_entry(found, target, *entry));
  }
  found.target = std::move(target).take();
  return found;
}

std::optional<RockRidgeMarks> find_rock_ridge(const MediumReader& medium, std::uint32_t block_size,
                                              Bytes field) {
  for (const std::size_t at : kMarksAt) {
    SystemUse entries(medium, block_size, field.subspan(std::min(at, field.size())));
    const auto first = entries.next();
    if (!first || !*first || (*first)->signature != "SP") continue;
    const Bytes check = (*first)->data;
    if (load_be<std::uint16_t>(check, 0) != 0xbeef) continue;
    const RockRidgeMarks marks = {.skip_in_root = at,
                                  .skip = load_le<std::uint8_t>(check, 2).value_or(0)};
    for (auto entry = entries.next(); entry && *entry; entry = entries.next()) {
      const std::string_view signature = (*entry)->signature;
      if (signature == "PX" || signature == "RR" ||
          (signature == "ER" && names_rock_ridge((*entry)->data)))
        return marks;
    }
  }
  return std::nullopt;
}

}  // namespace airlock::iso
