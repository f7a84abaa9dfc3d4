// SPDX-License-Identifier: GPL-2.0-or-later
// Before and after the machine sleeps.
#include <utility>

#include "daemon/volumes/supervisor.h"
#include "lib/base/log.h"

namespace airlock {

void VolumeSupervisor::write_everything(std::move_only_function<void()> written) {
  if (!writing_.empty()) return;  // logind announces it once; the first call counts
  written_ = std::move(written);
  for (const Volume* volume : registry_.all()) {
    if (volume->state != VolumeState::kMounted || volume->mount->read_only) continue;
    const std::string& id = volume->id;
    writing_[id] =
        parts_.mounting.write_out(*volume->mount, volume->source,
                                  [this, id](const Result<bool>& result) { wrote(id, result); });
  }
  if (writing_.empty()) std::exchange(written_, {})();
}

void VolumeSupervisor::wrote(const std::string& id, const Result<bool>& result) {
  if (!result)
    log(LogLevel::kWarning, "{}: not everything is on the medium: {}", id,
        result.error().message());
  deferred_.add(std::move(writing_.at(id)));
  writing_.erase(id);
  if (writing_.empty()) std::exchange(written_, {})();
}

void VolumeSupervisor::look_again() {
  for (const Volume* volume : registry_.all()) {
    Supervised& entry = supervised_.at(volume->id);
    const bool known =
        volume->state == VolumeState::kAvailable || volume->state == VolumeState::kRefused;
    if (known && !entry.machine->busy() && volume->device) decide_again(entry);
  }
}

}  // namespace airlock
