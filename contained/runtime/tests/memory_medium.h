// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "contained/runtime/block_io.h"

namespace airlock {

// A medium in memory, for tests: remembers what was written in which order if asked to, and fails
// when told to. Safe to use from several threads, as a medium must be; its content is only to be
// looked at while nobody writes.
class MemoryMedium final : public BlockIo {
 public:
  struct Event {
    std::uint64_t offset = 0;
    std::vector<std::byte> data;  // empty: a flush
    [[nodiscard]] bool is_flush() const { return data.empty(); }
  };
  enum class Access { kRead, kWrite, kFlush };
  // What to answer to an access of `length` bytes at the offset; 0 lets it through.
  using Judge = std::function<int(Access, std::uint64_t offset, std::uint64_t length)>;

  explicit MemoryMedium(std::vector<std::byte> content) : bytes_(std::move(content)) {}

  std::vector<std::byte>& bytes() { return bytes_; }
  void record() { recording_ = true; }
  [[nodiscard]] std::vector<Event>& events() { return events_; }
  void judge_with(Judge judge) {
    const std::scoped_lock lock(mutex_);
    judge_ = std::move(judge);
  }
  void protect() { writable_ = false; }

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool writable() const override { return writable_; }

  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    iovec part = {.iov_base = into.data(), .iov_len = into.size()};
    return read_scatter(offset, std::span(&part, 1));
  }
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    iovec part = {.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()};
    return write_gather(offset, std::span(&part, 1));
  }

  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override {
    const std::scoped_lock lock(mutex_);
    if (auto allowed = check(Access::kRead, offset, parts); !allowed) return allowed;
    for (const iovec& part : parts) {
      if (part.iov_len > 0) std::memcpy(part.iov_base, bytes_.data() + offset, part.iov_len);
      offset += part.iov_len;
    }
    return {};
  }

  Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) override {
    const std::scoped_lock lock(mutex_);
    if (!writable_) return refuse(EROFS);
    if (auto allowed = check(Access::kWrite, offset, parts); !allowed) return allowed;
    Event event = {.offset = offset, .data = {}};
    for (const iovec& part : parts) {
      if (part.iov_len == 0) continue;
      std::memcpy(bytes_.data() + offset, part.iov_base, part.iov_len);
      const auto* data = static_cast<const std::byte*>(part.iov_base);
      if (recording_) event.data.insert(event.data.end(), data, data + part.iov_len);
      offset += part.iov_len;
    }
    if (recording_ && !event.data.empty()) events_.push_back(std::move(event));
    return {};
  }

  Outcome<void> flush() override {
    const std::scoped_lock lock(mutex_);
    if (judge_)
      if (const int verdict = judge_(Access::kFlush, 0, 0); verdict != 0) return refuse(verdict);
    if (recording_) events_.push_back({});
    return {};
  }

  Outcome<void> discard(std::uint64_t offset, std::uint64_t length) override {
    const std::scoped_lock lock(mutex_);
    if (offset > size() || length > size() - offset) return refuse(EINVAL);
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), length, std::byte{0xdd});
    return {};
  }

 private:
  Outcome<void> check(Access access, std::uint64_t offset, std::span<const iovec> parts) {
    std::uint64_t length = 0;
    for (const iovec& part : parts) length += part.iov_len;
    if (offset > size() || length > size() - offset) return refuse(EIO);
    const int verdict = judge_ ? judge_(access, offset, length) : 0;
    return verdict == 0 ? Outcome<void>{} : refuse(verdict);
  }

  std::mutex mutex_;
  std::vector<std::byte> bytes_;
  std::vector<Event> events_;
  Judge judge_;
  bool writable_ = true;
  bool recording_ = false;
};

}  // namespace airlock
