// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "contained/runtime/block_io.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock::power {

// A medium in memory that logs in order everything that reaches it: every write with its bytes,
// every flush, and the marks of the test ("this was acknowledged"). From the log CrashStates makes
// the states a power cut could leave. It knows nothing of any filesystem.
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
  // kForgotten is the control of a crash test: the medium only pretends to flush, as if the driver
  // ordered nothing. A test that finds no loss with it could not find any.
  enum class Flushes { kHonest, kForgotten };

  explicit RecordingMedium(std::vector<std::byte> content, Flushes flushes = Flushes::kHonest)
      : memory_(std::move(content)), flushes_(flushes) {}

  // Read it only while nothing writes.
  [[nodiscard]] const std::vector<std::byte>& bytes() { return memory_.bytes(); }
  [[nodiscard]] const Log& log() const { return log_; }

  // Everything logged so far is on the medium, and is forgotten.
  void begin_log() {
    const std::scoped_lock lock(mutex_);
    log_.clear();
  }
  void mark(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    log_.push_back({.kind = Event::Kind::kMark, .offset = 0, .data = {}, .mark = number});
  }

  [[nodiscard]] std::uint64_t size() const override { return memory_.size(); }
  [[nodiscard]] bool writable() const override { return true; }

  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    return memory_.read(offset, into);
  }
  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override {
    return memory_.read_scatter(offset, parts);
  }
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    const std::scoped_lock lock(mutex_);
    return log_write(offset, {from.begin(), from.end()}, memory_.write(offset, from));
  }
  Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) override {
    std::vector<std::byte> data;
    for (const iovec& part : parts) {
      const auto* from = static_cast<const std::byte*>(part.iov_base);
      data.insert(data.end(), from, from + part.iov_len);
    }
    const std::scoped_lock lock(mutex_);
    return log_write(offset, std::move(data), memory_.write_gather(offset, parts));
  }
  Outcome<void> flush() override {
    const std::scoped_lock lock(mutex_);
    if (flushes_ == Flushes::kHonest) log_.push_back({});
    return {};
  }
  // Discarded data reads as nonsense.
  Outcome<void> discard(std::uint64_t offset, std::uint64_t length) override {
    const std::scoped_lock lock(mutex_);
    if (auto done = memory_.discard(offset, length); !done) return done;
    const auto from = memory_.bytes().begin() + static_cast<std::ptrdiff_t>(offset);
    return log_write(offset, {from, from + static_cast<std::ptrdiff_t>(length)}, {});
  }

 private:
  Outcome<void> log_write(std::uint64_t offset, std::vector<std::byte> data, Outcome<void> done) {
    if (done && !data.empty())
      log_.push_back(
          {.kind = Event::Kind::kWrite, .offset = offset, .data = std::move(data), .mark = 0});
    return done;
  }

  std::mutex mutex_;  // the log has the order of the writes in memory
  MemoryMedium memory_;
  Flushes flushes_;
  Log log_;
};

}  // namespace airlock::power
