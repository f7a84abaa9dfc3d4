// SPDX-License-Identifier: GPL-2.0-or-later
// The installed rows and nothing else, so that a program can replace them: see
// tests/drivers/driver_rows.cc.
#include <array>

#include "daemon/launch/driver_table.h"

namespace airlock {

std::span<const DriverRow> driver_table() {
  static constexpr auto kDrivers = std::to_array<DriverRow>({
#define AIRLOCK_DRIVER(name, subtypes, program, abilities, memory, files, threads, syscalls) \
  {#name, subtypes, program, abilities, memory, files, threads, syscalls},
#include "contained/drivers.inc"
#undef AIRLOCK_DRIVER
#define AIRLOCK_ADAPTED(name, subtypes, program, package, abilities, memory, files, tasks) \
  {name,    subtypes, kAdapterProgram, abilities,                                          \
   memory,  files,    tasks,           "contained/adapter/program_syscalls.inc",           \
   program, package},
#include "contained/adapter/adapted.inc"
#undef AIRLOCK_ADAPTED
  });
  return kDrivers;
}

}  // namespace airlock
