// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/medium_request.h"

#include <fcntl.h>

#include <utility>

namespace airlock {

Result<UniqueFd> ask_for_medium(Server& session, const DriverOptions& options, MediumUse use) {
  // The kernel claims the device of a fuseblk mount itself and would find it taken.
  const std::uint32_t exclusive = options.fuseblk ? 0 : O_EXCL;
  UniqueFd descriptor;
  if (options.read_only() || use == MediumUse::kOnlyRead) {
    TRY(descriptor, session.open_device(options.medium, O_RDONLY | exclusive));
  } else {
    TRY(auto opened, session.open_device_or_read_only(options.medium, exclusive));
    descriptor = std::move(opened.descriptor);
  }
  TRY_VOID(session.finish_opening());
  return descriptor;
}

}  // namespace airlock
