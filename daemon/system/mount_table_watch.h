// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "daemon/system/mount_table.h"

namespace airlock {

// Tells all subscribers that the kernel's mount table changed. One object serves all mounts; it
// reads the table once per change, and not at all without subscribers.
class MountTableWatch {
 public:
  using Table = std::vector<MountEntry>;
  using OnChange = std::move_only_function<void(const Table&)>;
  class Subscription {
   public:
    Subscription() = default;
    Subscription(MountTableWatch& watch, std::list<std::shared_ptr<OnChange>>::iterator place)
        : watch_(&watch), place_(place) {}
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    ~Subscription() {
      if (watch_ != nullptr) watch_->remove(place_);
    }

   private:
    MountTableWatch* watch_ = nullptr;
    std::list<std::shared_ptr<OnChange>>::iterator place_;
  };

  // `file` is /proc/self/mountinfo, except in tests.
  MountTableWatch(EventLoop& loop, std::string file) : loop_(loop), path_(std::move(file)) {}
  MountTableWatch(const MountTableWatch&) = delete;
  MountTableWatch& operator=(const MountTableWatch&) = delete;

  std::unique_ptr<Subscription> subscribe(OnChange callback);

 private:
  Result<void> start();
  void changed();
  void remove(std::list<std::shared_ptr<OnChange>>::iterator place);

  EventLoop& loop_;
  std::string path_;
  std::list<std::shared_ptr<OnChange>> callbacks_;
  bool telling_ = false;
  UniqueFd file_;
  EventSource on_change_;
};

// The line of a mount, by its number and filesystem, because numbers are reused.
const MountEntry* find_mount(const MountTableWatch::Table& table, std::uint64_t mount_id,
                             dev_t filesystem);

}  // namespace airlock
