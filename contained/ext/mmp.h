// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ext2fs/ext2_fs.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "contained/runtime/block_io.h"
#include "lib/base/error.h"

namespace airlock::ext {

// The time as Mmp needs it, so that tests do not have to wait.
class MmpClock {
 public:
  virtual ~MmpClock() = default;
  virtual void sleep(std::chrono::seconds time) = 0;
  [[nodiscard]] virtual std::uint64_t seconds_since_epoch() const = 0;

  static MmpClock& real();
};

// Multiple mount protection: one block of the volume by which computers sharing a medium keep out
// of each other's way. Whoever writes the volume keeps changing a number in it; everybody else
// first watches whether the number changes. A hint between honest computers, no lock: it rests on
// waiting long enough, and on reads that reach the medium, for which a buffered descriptor can do
// only so much (DescriptorIo::read_uncached).
//
// Never goes through MetadataCache: the block belongs to no transaction. The medium and the clock
// must outlive it. Calls must not overlap, except that keep() works in its own thread.
class Mmp {
 public:
  // Empty if the volume has no such protection.
  static Result<std::unique_ptr<Mmp>> open(BlockIo& io, const ext2_super_block& superblock,
                                           MmpClock& clock = MmpClock::real());
  // Gives a claim back that is still held.
  ~Mmp();
  Mmp(const Mmp&) = delete;
  Mmp& operator=(const Mmp&) = delete;

  // kBusy, with who it is, if somebody else is writing the volume. Finding out takes time, unless
  // the volume was left clean. Changes nothing.
  Result<void> check();
  // Says on the medium that it is in use by us; after check(). kBusy if somebody was faster.
  Result<void> claim();

  // Renews the claim from now on; calls lost(), once, if that fails: the volume must not be
  // written any more. lost() must not call back.
  void keep(std::function<void()> lost);
  // One renewal. EBUSY if the block is not as we left it.
  Outcome<void> renew();
  // Says that nobody uses the volume any more. Nothing if it was not claimed, or lost.
  Outcome<void> release();

  [[nodiscard]] std::chrono::seconds update_interval() const { return update_interval_; }
  // The longest that check() and claim() together may wait, whatever the medium says.
  static std::chrono::seconds longest_wait();

 private:
  Mmp(BlockIo& io, const ext2_super_block& superblock, MmpClock& clock);
  [[nodiscard]] std::uint32_t checksum(const mmp_struct& block) const;
  Result<mmp_struct> read_intact();
  Outcome<mmp_struct> read();
  Outcome<void> write(std::uint32_t sequence);
  Result<void> watch(std::chrono::seconds time, std::uint32_t sequence);
  void work(const std::stop_token& stop, const std::function<void()>& lost);

  BlockIo& io_;
  MmpClock& clock_;
  std::uint64_t offset_;
  bool checksums_;
  std::uint32_t seed_;
  std::chrono::seconds update_interval_;
  mmp_struct ours_ = {};  // as last read or written
  bool claimed_ = false;
  std::jthread keeper_;
};

}  // namespace airlock::ext
