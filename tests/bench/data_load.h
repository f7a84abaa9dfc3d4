// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "tests/bench/figures.h"

// Reading and writing the contents of one file. Every load gives "seconds" and either "bytes" or
// "operations"; the time excludes opening, filling buffers and choosing positions, and so does
// dropping caches, which is up to the caller.
namespace airlock::bench {

enum class Durability { kFlushed, kLeftDirty };

struct SequentialLoad {
  std::uint64_t bytes = 0;
  std::uint64_t block = 1 << 20;
  Durability durability = Durability::kFlushed;  // for writes only
};
Result<Figures> write_sequentially(const std::string& path, const SequentialLoad& load);
Result<Figures> read_sequentially(const std::string& path, const SequentialLoad& load);

// 4 KiB each, over the whole existing file. All jobs share one shuffle, so no block is used twice
// and none can be a cache hit because of another job.
struct RandomLoad {
  std::uint64_t operations = 0;  // of each job; fewer if the file has too few blocks
  unsigned jobs = 1;
  std::uint64_t seed = 1;
};
Result<Figures> read_at_random(const std::string& path, const RandomLoad& load);
// The time includes the fsync that makes all of it durable.
Result<Figures> write_at_random(const std::string& path, const RandomLoad& load);
// One job; each write is followed by its own fdatasync.
Result<Figures> write_synchronously(const std::string& path, const RandomLoad& load);

}  // namespace airlock::bench
