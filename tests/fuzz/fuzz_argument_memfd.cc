// SPDX-License-Identifier: GPL-2.0-or-later
// Arbitrary bytes as an argument memfd. Accepted arguments must be bounded and must survive being
// written and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <span>

#include "lib/protocol/argument_memfd.h"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

std::size_t total_size(const std::vector<std::string>& arguments) {
  return std::accumulate(
      arguments.begin(), arguments.end(), std::size_t{0},
      [](std::size_t sum, const std::string& text) { return sum + text.size(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto arguments = airlock::decode_arguments(std::as_bytes(std::span(data, size)));
  if (!arguments) return 0;
  require(!arguments->empty());
  require(total_size(*arguments) <= airlock::kMaxArgumentBytes);
  const auto again = airlock::encode_arguments(*arguments, 0);
  // Overlapping strings can take less room than separate ones.
  if (again) require(airlock::decode_arguments(*again).value() == *arguments);
  return 0;
}
