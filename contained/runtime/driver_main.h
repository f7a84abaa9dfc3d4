// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "contained/runtime/block_io.h"
#include "contained/runtime/confine.h"
#include "contained/runtime/driver_options.h"
#include "contained/runtime/file_system.h"
#include "contained/runtime/medium_request.h"

namespace airlock {

// A medium a driver has opened and understood.
class OpenedMedium {
 public:
  virtual ~OpenedMedium() = default;
  virtual FileSystem& files() = 0;
  // Why it can only be read although it was to be written; empty otherwise.
  [[nodiscard]] virtual std::string read_only_reason() const = 0;
  [[nodiscard]] virtual bool writable() const = 0;
  [[nodiscard]] virtual std::uint32_t block_size() const = 0;
  // The mount exists: from here on the medium may be written. Starts threads.
  virtual Result<void> begin() = 0;
};

struct DriverProgram {
  std::string_view name;  // "airlock-ext"
  Filter filter;
  // Reads the medium for the first time; the process is confined already. The failure is what
  // the person reads.
  std::function<Result<std::unique_ptr<OpenedMedium>>(BlockIo& io, const DriverOptions& options)>
      open;
  MediumUse use = MediumUse::kReadAndWrite;
};

// All of a driver's main(): takes the session over from whoever started the process, asks for its
// medium, closes every door behind itself, mounts and serves. Returns the exit status.
int driver_main(int argc, char** argv, const DriverProgram& program);

}  // namespace airlock
