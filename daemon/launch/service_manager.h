// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace airlock {

// What a service's manager knows about its main process.
struct ServiceAnswer {
  bool known = false;              // it has that process on record
  std::optional<siginfo_t> ended;  // how, as waitid() would tell; nothing: not ended yet
  bool out_of_memory = false;
};

// The manager that started a driver which is not our child, and so learns how it ended. The kernel
// tells other processes only since Linux 6.15.
class ServiceManager {
 public:
  // A service that the manager does not forget, even after its end, until this is destroyed.
  class Service {
   public:
    virtual ~Service() = default;
    // Answers once from the loop, and not after this is destroyed. `answer` must not destroy it.
    // One question at a time.
    virtual void ask(std::move_only_function<void(const ServiceAnswer&)> answer) = 0;
  };

  virtual ~ServiceManager() = default;
  virtual std::unique_ptr<Service> keep(const std::string& unit, pid_t main_process) = 0;
};

}  // namespace airlock
