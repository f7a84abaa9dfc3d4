// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/mount_table_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/log.h"

namespace airlock {

std::unique_ptr<MountTableWatch::Subscription> MountTableWatch::subscribe(OnChange callback) {
  const auto place =
      callbacks_.insert(callbacks_.end(), std::make_shared<OnChange>(std::move(callback)));
  if (auto started = start(); !started)
    log(LogLevel::kError, "cannot watch the mount table: {}", started.error().message());
  return std::make_unique<Subscription>(*this, place);
}

Result<void> MountTableWatch::start() {
  if (on_change_.active()) return {};
  file_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_.valid()) return fail_errno(errno, Errc::kSystem, "open {}", path_);
  TRY(on_change_, loop_.watch(file_.borrow(), EPOLLPRI, [this](auto) { changed(); }));
  return {};
}

void MountTableWatch::changed() {
  const auto table = read_mount_table(path_);
  if (!table) return log(LogLevel::kError, "{}", table.error().message());
  telling_ = true;
  // A callback may remove itself or others, and add some.
  for (const auto& entry : callbacks_)
    if (const auto callback = entry) (*callback)(*table);
  telling_ = false;
  std::erase(callbacks_, nullptr);
  if (callbacks_.empty()) on_change_.reset();
}

void MountTableWatch::remove(std::list<std::shared_ptr<OnChange>>::iterator place) {
  if (telling_) {
    place->reset();
    return;
  }
  callbacks_.erase(place);
  if (callbacks_.empty()) on_change_.reset();
}

const MountEntry* find_mount(const MountTableWatch::Table& table, std::uint64_t mount_id,
                             dev_t filesystem) {
  const auto found = std::ranges::find_if(table, [&](const MountEntry& entry) {
    return static_cast<std::uint64_t>(entry.id) == mount_id && entry.device == filesystem;
  });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace airlock
