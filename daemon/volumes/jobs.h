// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "daemon/api/publisher.h"
#include "lib/base/error.h"

namespace airlock {

// Work in progress that somebody may want to see or stop. A Job lives as long as its work: the
// owner of the work holds the handle, and destroying it takes the job off the bus. The JobTable
// must outlive its jobs.
class JobTable {
 public:
  struct Description {
    // "mount", "unmount", "eject", "power-off", "probe", "recover", "detach", "check", "repair",
    // "set-label"
    std::string operation;
    std::string volume;  // its id
    uid_t started_by = 0;
    std::move_only_function<void()> cancel;  // ends the work; may destroy the handle
    // Skips what can be skipped, and continues; empty: nothing can be.
    std::move_only_function<void()> skip = {};
  };

  class [[nodiscard]] Job {
   public:
    Job() = default;
    Job(Job&& other) noexcept;
    Job& operator=(Job&& other) noexcept;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job();

    [[nodiscard]] bool active() const { return table_ != nullptr; }
    // How much must still be written; progress is relative to the largest number so far.
    void set_bytes_left(std::uint64_t bytes);
    void set_progress(double share);  // 0 to 1

   private:
    friend class JobTable;
    Job(JobTable& table, std::string id) : table_(&table), id_(std::move(id)) {}
    void end();

    JobTable* table_ = nullptr;
    std::string id_;
    std::uint64_t most_ = 0;
  };

  explicit JobTable(Publisher& publisher) : publisher_(publisher) {}

  [[nodiscard]] Job start(Description description);
  [[nodiscard]] Result<uid_t> started_by(const std::string& id) const;
  Result<void> cancel(const std::string& id);
  Result<void> skip(const std::string& id);
  [[nodiscard]] Result<std::string> volume_of(const std::string& id) const;
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }

 private:
  Publisher& publisher_;
  std::map<std::string, Description> jobs_;
  std::uint64_t last_ = 0;
};

}  // namespace airlock
