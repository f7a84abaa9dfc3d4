// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/places/mount_records.h"
#include "lib/base/error.h"

namespace airlock {

// The text of a record file: a line with the version, one "key=value" line for each field in a
// fixed order, and "end", so that a file cut short is noticed. Values are escaped (\n, \\, \xHH),
// so that each stays on its line. The reader takes exactly what the writer writes and nothing else.
constexpr std::size_t kMostRecordBytes = 131072;

// What is longer than any path, which only a driver's words can be, is cut.
std::string write_record(const MountRecord& record);
Result<MountRecord> read_record(std::string_view text);

// Name of the file a volume's record is in: letters, digits, '-' and '_' stay, all else becomes
// %HH. kInvalidArgument for ids too long for a name.
Result<std::string> record_file_name(std::string_view volume_id);

}  // namespace airlock
