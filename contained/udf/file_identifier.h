// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "contained/udf/file_data.h"

namespace airlock::udf {

// One entry of a directory (ECMA-167, 4/14.4).
struct FileIdentifier {
  // EIO if there is none at this position of the directory, so that nobody knows where the next
  // one is.
  static Outcome<FileIdentifier> read(const BlockReader& reader, const FileData& directory,
                                      std::uint64_t position);

  std::uint64_t length = 0;  // up to the next one
  std::string name;          // empty for one that programs don't see
  Place entry;
  bool is_directory = false;
};

}  // namespace airlock::udf
