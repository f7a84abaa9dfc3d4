// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/background_commit.h"

#include <utility>

namespace airlock {
namespace {

using namespace std::chrono_literals;

// Changes are on their way to the medium after this long at the latest.
constexpr auto kCommitAfter = 4s;
// Or when this much has gathered.
constexpr std::size_t kCommitBytes = std::size_t{3} << 20;

}  // namespace

void BackgroundCommit::start(std::function<bool()> commit) {
  worker_ = std::thread([this, commit = std::move(commit)] { work(commit); });
}

void BackgroundCommit::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (worker_.joinable()) worker_.join();
}

void BackgroundCommit::gathered(std::size_t bytes) {
  if (bytes == 0) return;
  const auto now = Clock::now();
  const bool was_due = due_ && *due_ <= now;
  if (bytes >= kCommitBytes && !was_due) {
    due_ = now;
  } else if (!due_) {
    due_ = now + kCommitAfter;
  } else {
    return;
  }
  wake_.notify_one();
}

void BackgroundCommit::soon() {
  due_ = Clock::now();
  wake_.notify_one();
}

void BackgroundCommit::work(const std::function<bool()>& commit) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!due_) {
      wake_.wait(lock);
    } else if (Clock::now() < *due_) {
      wake_.wait_until(lock, *due_);
    } else {
      lock.unlock();
      const bool more = commit();
      lock.lock();
      if (!more) wake_.wait(lock, [this] { return stopping_; });
    }
  }
}

}  // namespace airlock
