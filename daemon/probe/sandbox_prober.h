// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "daemon/loop/errand_queue.h"
#include "daemon/loop/event_loop.h"
#include "daemon/probe/probe_errand.h"
#include "daemon/probe/prober.h"

namespace airlock {

// Probes with airlock-probe in the builtin sandbox, each in an errand of its own. A few run at
// once, the others wait in line. The loop must outlive this and every PendingProbe; the prober may
// be destroyed before those.
class SandboxProber final : public Prober {
 public:
  struct Options {
    std::string program;  // see probe_program()
    ProbeLimits limits;
    std::size_t most_at_once = 8;
    std::size_t most_waiting = 1024;
  };

  SandboxProber(EventLoop& loop, Options options);
  ~SandboxProber() override;
  SandboxProber(const SandboxProber&) = delete;
  SandboxProber& operator=(const SandboxProber&) = delete;

  std::unique_ptr<PendingProbe> probe(const ProbeTarget& target, Done done) override;

  // For tests and for deciding whether airlockd is idle.
  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] std::size_t waiting() const;

 private:
  class Pending;
  Options options_;
  std::shared_ptr<ErrandQueue> queue_;
};

}  // namespace airlock
