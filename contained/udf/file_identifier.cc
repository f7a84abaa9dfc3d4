// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/file_identifier.h"

#include <array>
#include <cerrno>

#include "contained/udf/names.h"
#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kCharacteristics = 18, kNameLength = 19, kFileEntryPlace = 20,
                      kExtraLength = 36, kExtra = 38;
constexpr unsigned kIsDirectory = 2, kIsDeleted = 4, kIsParent = 8, kIsStream = 16;
constexpr std::size_t kAlignment = 4;

}  // namespace

Outcome<FileIdentifier> FileIdentifier::read(const BlockReader& reader, const FileData& directory,
                                             std::uint64_t position) {
  std::array<std::byte, kExtra> head;
  TRY_VOID(directory.read(reader, position, head));
  const auto name_length = std::to_integer<std::size_t>(head[kNameLength]);
  const std::size_t extra = load_le<std::uint16_t>(head, kExtraLength).value_or(0);
  const std::size_t length =
      (kExtra + extra + name_length + kAlignment - 1) / kAlignment * kAlignment;
  if (length > reader.block_size()) return refuse(EIO);
  std::vector<std::byte> bytes(length);
  TRY_VOID(directory.read(reader, position, bytes));
  // The location is not compared: those who write directories inside file entries disagree on it.
  const auto found = read_tag(bytes);
  if (!found || found->tag != Tag::kFileIdentifier) return refuse(EIO);

  const auto flags = std::to_integer<unsigned>(bytes[kCharacteristics]);
  FileIdentifier identifier = {.length = length,
                               .name = {},
                               .entry = LongExtent::decode(bytes, kFileEntryPlace).place,
                               .is_directory = (flags & (kIsDirectory | kIsParent)) != 0};
  if ((flags & (kIsDeleted | kIsStream)) != 0) return identifier;
  identifier.name = (flags & kIsParent) != 0
                        ? ".."
                        : name_of(std::span(bytes).subspan(kExtra + extra, name_length));
  return identifier;
}

}  // namespace airlock::udf
