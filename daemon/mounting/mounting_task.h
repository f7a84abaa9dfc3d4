// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "daemon/mounting/mounting.h"

namespace airlock {

// One thing that a KernelMounting is doing. It lives until it has ended, even if its caller no
// longer waits: it always completes or undoes what it began in the kernel.
class MountingTask {
 public:
  MountingTask() = default;
  MountingTask(const MountingTask&) = delete;
  MountingTask& operator=(const MountingTask&) = delete;
  virtual ~MountingTask() = default;
  // Nobody wants the answer any more.
  virtual void cancel() = 0;
  virtual void skip_check() {}
  virtual void insist() {}
};

// The tasks under way, and the handles that their callers hold.
class MountingTasks {
 public:
  std::unique_ptr<PendingOperation> add(std::shared_ptr<MountingTask> task) {
    tasks_.insert(task);
    return std::make_unique<Handle>(std::move(task));
  }
  // Destroys the task, so it must be the last thing the task does.
  void remove(const MountingTask* task) {
    std::erase_if(tasks_, [task](const auto& held) { return held.get() == task; });
  }
  [[nodiscard]] bool empty() const { return tasks_.empty(); }

 private:
  class Handle final : public PendingOperation {
   public:
    explicit Handle(std::weak_ptr<MountingTask> task) : task_(std::move(task)) {}
    ~Handle() override {
      if (const auto task = task_.lock()) task->cancel();
    }
    void skip_check() override {
      if (const auto task = task_.lock()) task->skip_check();
    }
    void insist() override {
      if (const auto task = task_.lock()) task->insist();
    }

   private:
    std::weak_ptr<MountingTask> task_;
  };

  std::set<std::shared_ptr<MountingTask>> tasks_;
};

}  // namespace airlock
