// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/wire.h"

namespace airlock {

// The argument vector of a mount travels in a memfd: magic, count, a table of (position, length)
// and the strings, all big-endian. Argument 0 is the subtype. Readers use the positions and trust
// none of the numbers.
inline constexpr std::size_t kMaxArgumentBytes = std::size_t{1} << 20;

// `table_slots` is the size of the table; a helper that omits some of its own arguments has more
// slots than arguments, and readers must cope with the hole. Needs at least one argument; fewer
// slots than arguments are raised to that number.
Result<Bytes> encode_arguments(std::span<const std::string> arguments, std::size_t table_slots);
Result<UniqueFd> make_argument_memfd(std::span<const std::string> arguments,
                                     std::size_t table_slots);

// Fails with EBADMSG unless it is a complete, bounded vector of at least one argument; the total
// size of the strings is bounded too, since entries may overlap.
Result<std::vector<std::string>> decode_arguments(ByteSpan bytes);
Result<std::vector<std::string>> read_argument_memfd(BorrowedFd memfd);

// The driver's argument vector: the subtype, then its own arguments from the unit (without the
// first, the program), then the rest of the caller's, so that the caller's options win.
std::vector<std::string> merge_arguments(std::span<const std::string> received,
                                         std::span<const std::string> own);

// The driver's arguments from a mount(8) style command line (program name first): the first `-t
// TYPE` gives the subtype, and all `-t TYPE` pairs are left out.
struct ServiceArguments {
  std::string subtype;
  std::vector<std::string> arguments;  // [0] is the subtype
  std::size_t table_slots = 0;
};
Result<ServiceArguments> arguments_for_service(std::span<const std::string> command_line);

}  // namespace airlock
