// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/argument_memfd.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "lib/base/byte_view.h"
#include "lib/protocol/service_address.h"

namespace airlock {
namespace {

constexpr std::uint32_t kArgumentsMagic = 0x41524753;  // ARGS
constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kEntrySize = 8;

std::unexpected<Error> bad_vector(std::string_view why) {
  return fail_errno(EBADMSG, Errc::kProtocol, "the argument vector is broken: {}", why);
}

// Room was made for everything before, so a store that does not fit is a bug.
void put_number(Bytes& bytes, std::size_t offset, std::size_t value) {
  if (!store_be(std::span(bytes), offset, static_cast<std::uint32_t>(value))) std::abort();
}

Result<void> write_all(BorrowedFd file, ByteSpan bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written =
        ::pwrite(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, errc_from_errno(errno), "write the arguments");
    done += static_cast<std::size_t>(written);
  }
  return {};
}

Result<Bytes> read_all(BorrowedFd file, std::size_t size) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(file.get(), bytes.data() + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, errc_from_errno(errno), "read the arguments");
    if (got == 0) return bad_vector("it became shorter");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

// The string at a stored position, if all of it is inside. Its length includes the NUL.
std::optional<std::string> string_at(ByteSpan bytes, std::size_t position, std::size_t length) {
  if (length == 0 || position > bytes.size() || bytes.size() - position < length)
    return std::nullopt;
  const ByteSpan raw = bytes.subspan(position, length);
  if (raw.back() != std::byte{0}) return std::nullopt;
  const auto end = std::ranges::find(raw, std::byte{0});
  std::string text(static_cast<std::size_t>(end - raw.begin()), '\0');
  std::ranges::transform(raw.begin(), end, text.begin(), std::to_integer<char>);
  return text;
}

}  // namespace

Result<Bytes> encode_arguments(std::span<const std::string> arguments, std::size_t table_slots) {
  if (arguments.empty()) return fail(Errc::kInvalidArgument, "no argument to pass on");
  const std::size_t slots = std::max(table_slots, arguments.size());
  if (slots > kMaxArgumentBytes / kEntrySize)
    return fail_errno(E2BIG, Errc::kLimitExceeded, "too many arguments");
  std::size_t size = kHeaderSize + kEntrySize * slots;
  for (const std::string& argument : arguments) {
    size += argument.size() + 1;
    if (size > kMaxArgumentBytes)
      return fail_errno(E2BIG, Errc::kLimitExceeded, "the arguments are too long");
  }

  Bytes bytes(size);
  put_number(bytes, 0, kArgumentsMagic);
  put_number(bytes, 4, arguments.size());
  std::size_t entry = kHeaderSize;
  std::size_t position = kHeaderSize + kEntrySize * slots;
  for (const std::string& argument : arguments) {
    put_number(bytes, entry, position);
    put_number(bytes, entry + 4, argument.size() + 1);
    std::ranges::transform(argument, bytes.begin() + static_cast<std::ptrdiff_t>(position),
                           [](char letter) { return static_cast<std::byte>(letter); });
    entry += kEntrySize;
    position += argument.size() + 1;
  }
  return bytes;
}

Result<UniqueFd> make_argument_memfd(std::span<const std::string> arguments,
                                     std::size_t table_slots) {
  TRY(const Bytes bytes, encode_arguments(arguments, table_slots));
  UniqueFd memfd(::memfd_create("fuse service argv", MFD_CLOEXEC));
  if (!memfd.valid()) return fail_errno(errno, errc_from_errno(errno), "make an argument memfd");
  TRY_VOID(write_all(memfd.borrow(), bytes));
  return memfd;
}

Result<std::vector<std::string>> decode_arguments(ByteSpan bytes) {
  if (bytes.size() > kMaxArgumentBytes) return bad_vector("it is too large");
  const auto magic = load_be<std::uint32_t>(bytes, 0);
  const auto count = load_be<std::uint32_t>(bytes, 4);
  if (!magic || !count) return bad_vector("it is too short");
  if (*magic != kArgumentsMagic) return bad_vector("its first bytes are wrong");
  if (*count == 0) return bad_vector("it is empty");
  if (*count > (bytes.size() - kHeaderSize) / kEntrySize) return bad_vector("its table is cut off");

  std::vector<std::string> arguments;
  std::size_t total = 0;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto position = load_be<std::uint32_t>(bytes, kHeaderSize + kEntrySize * i);
    const auto length = load_be<std::uint32_t>(bytes, kHeaderSize + kEntrySize * i + 4);
    if (!position || !length) return bad_vector("its table is cut off");
    std::optional<std::string> text = string_at(bytes, *position, *length);
    if (!text) return bad_vector("a string is not inside it");
    total += *length;
    // Entries may share bytes, so a small file could name a huge amount of text.
    if (total > kMaxArgumentBytes) return bad_vector("its strings are too long");
    arguments.push_back(*std::move(text));
  }
  return arguments;
}

Result<std::vector<std::string>> read_argument_memfd(BorrowedFd memfd) {
  struct stat status{};
  if (::fstat(memfd.get(), &status) != 0)
    return fail_errno(errno, errc_from_errno(errno), "look at the argument memfd");
  if (!S_ISREG(status.st_mode)) return bad_vector("it is no file");
  if (status.st_size < 0 || static_cast<std::uint64_t>(status.st_size) > kMaxArgumentBytes)
    return bad_vector("it is too large");
  TRY(const Bytes bytes, read_all(memfd, static_cast<std::size_t>(status.st_size)));
  return decode_arguments(bytes);
}

std::vector<std::string> merge_arguments(std::span<const std::string> received,
                                         std::span<const std::string> own) {
  std::vector<std::string> merged;
  if (!received.empty()) merged.push_back(received.front());
  for (const std::string& argument : own.subspan(std::min<std::size_t>(1, own.size())))
    merged.push_back(argument);
  for (const std::string& argument : received.subspan(std::min<std::size_t>(1, received.size())))
    merged.push_back(argument);
  return merged;
}

Result<ServiceArguments> arguments_for_service(std::span<const std::string> command_line) {
  std::optional<std::string> type;
  ServiceArguments result{.arguments = {std::string()}, .table_slots = command_line.size()};
  for (std::size_t i = 1; i < command_line.size(); ++i) {
    const bool is_type = command_line[i] == "-t" && i + 1 < command_line.size();
    if (!is_type) {
      result.arguments.push_back(command_line[i]);
      continue;
    }
    ++i;
    if (!type) type = command_line[i];
  }
  if (!type) return fail(Errc::kInvalidArgument, "no filesystem type given (-t)");
  TRY(result.subtype, subtype_from_type(*type));
  result.arguments.front() = result.subtype;
  return result;
}

}  // namespace airlock
