// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/entry_timeouts.h"

#include <thread>
#include <utility>

#include "contained/runtime/reader_token.h"

namespace airlock {
namespace {

using Seconds = std::chrono::duration<double>;

// The kernel counts from when it has the answer.
constexpr Seconds kOnItsWay{0.1};

}  // namespace

void EntryTimeouts::forget_with(Forget forget) {
  const std::scoped_lock lock(mutex_);
  forget_ = std::move(forget);
}

double EntryTimeouts::seconds(FileSystem::Names names, bool other_spelling, Reply reply) {
  if (names == FileSystem::Names::kExact) return kForGood;
  std::unique_lock lock(mutex_);
  if (!other_spelling && several_spellings_) return 0;
  if (!other_spelling && forget_ && reply == Reply::kLookup) return kForGood;
  if (!other_spelling) {
    const auto believed =
        std::chrono::ceil<std::chrono::milliseconds>(Seconds(kMoment) + kOnItsWay);
    forgotten_at_ = std::chrono::steady_clock::now() + believed;
    return kMoment;
  }
  // It did before; if it does not now, the mount is over.
  if (!several_spellings_ && forget_) (void)forget_();
  several_spellings_ = true;
  const auto until = forgotten_at_;
  lock.unlock();
  if (until <= std::chrono::steady_clock::now()) return 0;
  ReaderToken::give();
  std::this_thread::sleep_until(until);
  return 0;
}

}  // namespace airlock
