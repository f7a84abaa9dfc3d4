// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/api/held_file.h"
#include "lib/base/error.h"
#include "lib/protocol/probe_record.h"

namespace airlock {

// What to examine: a device node, or an image that somebody lent us.
struct ProbeTarget {
  std::string path;                 // "/dev/sdb1", or the image's path: for messages
  dev_t device = 0;                 // 0 for images; the probe fails if the node has another by then
  std::uint64_t disk_sequence = 0;  // likewise; 0: not known
  std::shared_ptr<HeldFile> image;  // images only; opened by the caller for reading at least
};

// One running probe. Destroying it cancels the probe: its process is killed, and `done` is not
// called any more. It may be destroyed from within `done`.
class PendingProbe {
 public:
  virtual ~PendingProbe() = default;
};

// Finds out what is on a medium, without reading it in this process and without ever blocking.
class Prober {
 public:
  using Done = std::move_only_function<void(Result<ProbeRecord>)>;

  virtual ~Prober() = default;

  // `done` is called exactly once, from the event loop and never from within this call, unless the
  // PendingProbe is destroyed first. A medium that holds nothing, or more than one format, gives a
  // record and not an error. Errors that a person can act on: kNotFound and kIo (the medium is gone
  // or can't be read), kBusy, kNotPermitted, kTimedOut, kWorkerDied, kProtocol (the worker was
  // taken over), kLimitExceeded (too many probes are waiting already).
  virtual std::unique_ptr<PendingProbe> probe(const ProbeTarget& target, Done done) = 0;
};

}  // namespace airlock
