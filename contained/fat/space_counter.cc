// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/space_counter.h"

#include <csignal>
#include <system_error>

#include "contained/fat/volume.h"
#include "contained/runtime/reader_token.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

// The main thread handles the signal to end.
void leave_signals_to_others() {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigaddset(&terminate, SIGALRM);
  (void)::pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
}

}  // namespace

void SpaceCounter::count(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (stopping_) return;
  if (!worker_.joinable() && !begin()) return;
  if (!ended_) ReaderToken::give();
  changed_.wait_for(lock, patience, [this] { return ended_ || stopping_; });
}

// Fails at the limit of threads; the next request may succeed.
bool SpaceCounter::begin() {
  try {
    worker_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void SpaceCounter::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (worker_.joinable()) worker_.join();
}

bool SpaceCounter::is_stopping() {
  const std::scoped_lock lock(mutex_);
  return stopping_;
}

// Moves on to the first segment not counted yet.
bool SpaceCounter::count_some(std::uint32_t& segment) {
  // From here on the bytes are in the page cache, where the volume finds them.
  const auto end = volume_.read_map_ahead(segment);
  if (!end) return false;
  for (; segment < *end; ++segment) {
    if (is_stopping()) return false;
    const Volume::Operation operation(volume_);
    if (!volume_.space().load(segment)) return false;
  }
  return true;
}

void SpaceCounter::work() {
  leave_signals_to_others();
  const std::uint32_t segments = volume_.space().segment_count();
  std::uint32_t counted = 0;
  while (counted < segments && count_some(counted)) continue;
  if (counted == segments) {
    const Volume::Operation operation(volume_);
    (void)volume_.space().count();
  }
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  if (counted < segments && !stopping_)
    log(LogLevel::kError, "the free space cannot be counted; check the volume with {}",
        volume_.checker());
  changed_.notify_all();
}

}  // namespace airlock::fat
