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

// The clock of Mmp, so that tests do not have to wait.
class MmpClock {
 public:
  virtual ~MmpClock() = default;
  virtual void sleep(std::chrono::seconds time) = 0;
  [[nodiscard]] virtual std::uint64_t seconds_since_epoch() const = 0;

  static MmpClock& real();
};

// Multiple mount protection: a block of the volume through which computers that share a medium
// avoid each other. A computer that writes the volume keeps changing a number in the block; any
// other first checks whether the number changes. It is a hint between honest computers, not a lock:
// it depends on long enough waits, and on reads that reach the medium, for which a buffered
// descriptor can do only so much (DescriptorIo::read_uncached).
//
// Never goes through MetadataCache: the block belongs to no transaction. The medium and the clock
// must outlive it. Calls must not overlap, except that keep() works in its own thread.
class Mmp {
 public:
  // Empty if the volume has no such protection.
  static Result<std::unique_ptr<Mmp>> open(BlockIo& io, const ext2_super_block& superblock,
                                           MmpClock& clock = MmpClock::real());
  // Releases a claim that is still held.
  ~Mmp();
  Mmp(const Mmp&) = delete;
  Mmp& operator=(const Mmp&) = delete;

  // kBusy, naming the other computer, if one is writing the volume. Finding out takes time, unless
  // the volume was left clean. Changes nothing.
  Result<void> check();
  // Marks the volume as in use by this computer; call after check(). kBusy if another was faster.
  Result<void> claim();

  // Renews the claim from now on; calls lost(), once, if that fails: the volume must not be written
  // any more. lost() must not call back.
  void keep(std::function<void()> lost);
  // One renewal. EBUSY if the block has changed meanwhile.
  Outcome<void> renew();
  // Marks the volume as not in use. Does nothing if it was not claimed, or if the claim was lost.
  Outcome<void> release();

  [[nodiscard]] std::chrono::seconds update_interval() const { return update_interval_; }
  // The longest total wait of check() and claim(), whatever the medium contains.
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
