// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace airlock {

// What the manager of a service knows about its main process.
struct ServiceAnswer {
  bool known = false;              // it has that process on record
  std::optional<siginfo_t> ended;  // how, as waitid() would tell; nothing: not yet
  bool out_of_memory = false;
};

// Who started a driver that is not our child, and so hears how it ended. The kernel tells others
// only since Linux 6.15.
class ServiceManager {
 public:
  // One service the manager does not forget, also after its end, until this is destroyed.
  class Service {
   public:
    virtual ~Service() = default;
    // Answers from the loop, once, and not after this is destroyed; which `answer` must not do. One
    // question at a time.
    virtual void ask(std::move_only_function<void(const ServiceAnswer&)> answer) = 0;
  };

  virtual ~ServiceManager() = default;
  virtual std::unique_ptr<Service> keep(const std::string& unit, pid_t main_process) = 0;
};

}  // namespace airlock
