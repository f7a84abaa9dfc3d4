// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/record_fields.h"

#include <algorithm>
#include <cstddef>

namespace airlock::record {

void put_text(Bytes& bytes, const TextField& field, std::string_view text) {
  put(bytes, field.length_at, static_cast<std::uint16_t>(text.size()));
  std::ranges::transform(text, bytes.begin() + static_cast<std::ptrdiff_t>(field.at),
                         [](char c) { return static_cast<std::byte>(c); });
}

Result<std::string> get_text(ByteSpan bytes, const TextField& field) {
  const std::size_t length = get<std::uint16_t>(bytes, field.length_at);
  if (length > field.most)
    return fail(Errc::kProtocol, "a {} of {} bytes, at most {} are allowed", field.name, length,
                field.most);
  std::string text(length, '\0');
  std::ranges::transform(bytes.subspan(field.at, length), text.begin(),
                         [](std::byte byte) { return std::to_integer<char>(byte); });
  return text;
}

}  // namespace airlock::record
