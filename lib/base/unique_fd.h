// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <utility>

namespace airlock {

// Lends a descriptor: the holder must not close it and must not keep it past the call.
class BorrowedFd {
 public:
  constexpr explicit BorrowedFd(int fd) : fd_(fd) {}
  [[nodiscard]] constexpr int get() const { return fd_; }
  [[nodiscard]] constexpr bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Owns one descriptor and closes it. A moved-from object is empty. A function that takes a
// descriptor for good takes a UniqueFd&&; one that only uses it takes a BorrowedFd.
class [[nodiscard]] UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] BorrowedFd borrow() const { return BorrowedFd{fd_}; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

}  // namespace airlock
