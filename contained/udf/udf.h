// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/read_only_driver.h"

namespace airlock::udf {

// UDF 1.02 to 2.60 (ECMA-167). README.md says what it reads.
Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium);

}  // namespace airlock::udf
