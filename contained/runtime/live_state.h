// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// What a driver leaves to a successor that goes on with its mount: the kernel's first request,
// which is never sent again, and the answer to it, which the kernel keeps. Whoever started the
// driver holds the same memory. A predecessor may have been taken over, so a successor believes
// nothing in it without a check.
class LiveState {
 public:
  // Maps it, so before the filter. Fails if it could become shorter or is not of the agreed size.
  static Result<LiveState> map(const UniqueFd& memory);
  LiveState(LiveState&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  LiveState& operator=(LiveState&&) = delete;
  ~LiveState();

  // Published in one step. What does not fit is not kept, and no successor can start.
  void keep_opening(std::span<const std::byte> request, std::span<const std::byte> answer) const;

  struct Opening {
    std::vector<std::byte> request;
    std::vector<std::byte> answer;
  };
  // A copy, checked for its lengths only.
  [[nodiscard]] Result<Opening> opening() const;

 private:
  explicit LiveState(std::span<std::byte> memory) : memory_(memory) {}
  std::span<std::byte> memory_;
};

}  // namespace airlock
