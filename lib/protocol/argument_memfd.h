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
// and the strings, all big-endian. Argument 0 is the subtype. Readers go by the positions and
// trust none of the numbers.
inline constexpr std::size_t kMaxArgumentBytes = std::size_t{1} << 20;

// `table_slots` is how many entries the table has room for; a helper that leaves some of its own
// arguments out has more slots than arguments, and readers must cope with the hole. At least one
// argument; slots below the number of arguments are raised to it.
Result<Bytes> encode_arguments(std::span<const std::string> arguments, std::size_t table_slots);
Result<UniqueFd> make_argument_memfd(std::span<const std::string> arguments,
                                     std::size_t table_slots);

// Fails with EBADMSG for anything that is not a whole, bounded vector of at least one argument;
// all strings together are bounded too, since entries may overlap.
Result<std::vector<std::string>> decode_arguments(ByteSpan bytes);
Result<std::vector<std::string>> read_argument_memfd(BorrowedFd memfd);

// The vector a driver works with: the subtype, then its own arguments from the unit (their first,
// the program, left out), then the rest of the caller's, so that the caller's options win.
std::vector<std::string> merge_arguments(std::span<const std::string> received,
                                         std::span<const std::string> own);

// What a mount(8) style command line (program name first) makes of its words for the driver: the
// first `-t TYPE` picks the subtype, all `-t TYPE` pairs stay behind.
struct ServiceArguments {
  std::string subtype;
  std::vector<std::string> arguments;  // [0] is the subtype
  std::size_t table_slots = 0;
};
Result<ServiceArguments> arguments_for_service(std::span<const std::string> command_line);

}  // namespace airlock
