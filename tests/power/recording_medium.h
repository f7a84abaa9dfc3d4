// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "contained/runtime/block_io.h"

namespace airlock::power {

// A medium in memory that logs in order what reaches it: every write with its bytes, every flush,
// and the marks a test puts between them ("this was acknowledged"). CrashStates makes from the log
// what a power cut could leave. It knows nothing of any filesystem.
class RecordingMedium final : public BlockIo {
 public:
  struct Event {
    enum class Kind { kWrite, kFlush, kMark };
    Kind kind = Kind::kFlush;
    std::uint64_t offset = 0;     // of a write
    std::vector<std::byte> data;  // of a write
    std::uint64_t mark = 0;       // of a mark
  };
  using Log = std::vector<Event>;
  // kForgotten is the control of every crash test: the medium promises to flush and does not, as a
  // driver would behave that orders nothing. A test that finds no loss then cannot find any.
  enum class Flushes { kHonest, kForgotten };
  enum class Access { kRead, kWrite, kFlush };
  // What to answer to an access of `length` bytes at the offset; 0 lets it through.
  using Judge = std::function<int(Access, std::uint64_t offset, std::uint64_t length)>;

  explicit RecordingMedium(std::vector<std::byte> content, Flushes flushes = Flushes::kHonest)
      : bytes_(std::move(content)), flushes_(flushes) {}

  // Only to be looked at while nobody writes.
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
  [[nodiscard]] const Log& log() const { return log_; }

  void mark(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    log_.push_back({.kind = Event::Kind::kMark, .offset = 0, .data = {}, .mark = number});
  }
  void judge_with(Judge judge) {
    const std::scoped_lock lock(mutex_);
    judge_ = std::move(judge);
  }

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool writable() const override { return true; }

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
    if (auto allowed = check(Access::kWrite, offset, parts); !allowed) return allowed;
    std::vector<std::byte> data;
    for (const iovec& part : parts) {
      const auto* from = static_cast<const std::byte*>(part.iov_base);
      data.insert(data.end(), from, from + part.iov_len);
    }
    add(offset, std::move(data));
    return {};
  }

  Outcome<void> flush() override {
    const std::scoped_lock lock(mutex_);
    if (auto allowed = ask(Access::kFlush, 0, 0); !allowed) return allowed;
    if (flushes_ == Flushes::kHonest) log_.push_back({});
    return {};
  }

  // Whoever reads what was discarded reads nonsense.
  Outcome<void> discard(std::uint64_t offset, std::uint64_t length) override {
    const std::scoped_lock lock(mutex_);
    if (offset > size() || length > size() - offset) return refuse(EINVAL);
    add(offset, std::vector<std::byte>(length, std::byte{0xdd}));
    return {};
  }

 private:
  void add(std::uint64_t offset, std::vector<std::byte> data) {
    if (data.empty()) return;
    std::memcpy(bytes_.data() + offset, data.data(), data.size());
    log_.push_back(
        {.kind = Event::Kind::kWrite, .offset = offset, .data = std::move(data), .mark = 0});
  }
  Outcome<void> ask(Access access, std::uint64_t offset, std::uint64_t length) {
    const int verdict = judge_ ? judge_(access, offset, length) : 0;
    return verdict == 0 ? Outcome<void>{} : refuse(verdict);
  }
  Outcome<void> check(Access access, std::uint64_t offset, std::span<const iovec> parts) {
    std::uint64_t length = 0;
    for (const iovec& part : parts) length += part.iov_len;
    if (offset > size() || length > size() - offset) return refuse(EIO);
    return ask(access, offset, length);
  }

  std::mutex mutex_;
  std::vector<std::byte> bytes_;
  Flushes flushes_;
  Log log_;
  Judge judge_;
};

}  // namespace airlock::power
