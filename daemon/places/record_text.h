// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/places/mount_records.h"
#include "lib/base/error.h"

namespace airlock {

// The text of a record file: a line with the version, one "key=value" line for each field in a
// fixed order, and "end", which reveals a truncated file. Values are escaped (\n, \\, \xHH), so
// that each stays on its line. The reader accepts exactly what the writer writes.
constexpr std::size_t kMostRecordBytes = 131072;

// Cuts text longer than any path; only a driver's words can be that long.
std::string write_record(const MountRecord& record);
Result<MountRecord> read_record(std::string_view text);

// The name of a volume's record file: letters, digits, '-' and '_' stay, everything else becomes
// %HH. kInvalidArgument for ids too long for a name.
Result<std::string> record_file_name(std::string_view volume_id);

}  // namespace airlock
