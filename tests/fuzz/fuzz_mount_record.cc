// SPDX-License-Identifier: GPL-2.0-or-later
// Arbitrary bytes as the record of a mount. An accepted record must be exactly as the writer would
// write it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/places/record_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = airlock::read_record(text);
  if (record && airlock::write_record(*record) != text) std::abort();
  const auto name = airlock::record_file_name(text);
  // Whatever the id, its file is inside the directory of records.
  if (name && (name->find('/') != std::string::npos || name->find('.') != std::string::npos))
    std::abort();
  return 0;
}
