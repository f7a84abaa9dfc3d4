// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/data_load.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <latch>
#include <numeric>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "tests/bench/files.h"

namespace airlock::bench {
namespace {

constexpr std::uint64_t kRandomBlock = 4096;

using Positions = std::span<const std::uint64_t>;
using Job = std::function<Result<void>(BorrowedFd, Positions)>;

std::vector<std::uint64_t> shuffled_offsets(std::uint64_t blocks, std::uint64_t seed) {
  std::vector<std::uint64_t> offsets(blocks);
  std::iota(offsets.begin(), offsets.end(), std::uint64_t{0});
  std::shuffle(offsets.begin(), offsets.end(), std::mt19937_64(seed));
  for (auto& offset : offsets) offset *= kRandomBlock;
  return offsets;
}

// Each job has its own open file: jobs stand for programs, and those do not share one.
Result<std::vector<UniqueFd>> open_for_jobs(const std::string& path, int flags, unsigned jobs) {
  std::vector<UniqueFd> files;
  for (unsigned job = 0; job < jobs; ++job) {
    TRY(auto file, open_file(path, flags));
    // Read-ahead around a random position would measure guesses, not requests.
    (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_RANDOM);  // advice may be ignored
    files.push_back(std::move(file));
  }
  return files;
}

Result<void> first_failure(std::vector<Result<void>>& results) {
  for (auto& result : results)
    if (!result) return std::move(result);
  return {};
}

// Starts all jobs at once and returns the seconds until the last of them is done.
Result<double> run_jobs(std::span<const UniqueFd> files, Positions positions, const Job& job) {
  const auto share = positions.size() / files.size();
  std::vector<Result<void>> results(files.size());
  std::latch ready(static_cast<std::ptrdiff_t>(files.size()) + 1);
  std::vector<std::jthread> threads;
  for (std::size_t index = 0; index < files.size(); ++index)
    threads.emplace_back([&, index] {
      ready.arrive_and_wait();
      results[index] = job(files[index].borrow(), positions.subspan(index * share, share));
    });
  const Stopwatch stopwatch;  // before the start: on one core the jobs may run first
  ready.arrive_and_wait();
  threads.clear();  // joins
  const double seconds = stopwatch.seconds();
  TRY_VOID(first_failure(results));
  return seconds;
}

struct RandomRun {
  std::vector<UniqueFd> files;
  std::vector<std::uint64_t> offsets;
};

Result<RandomRun> prepare(const std::string& path, int flags, const RandomLoad& load) {
  RandomRun run;
  if (load.jobs == 0) return fail(Errc::kInvalidArgument, "no jobs");
  TRY(run.files, open_for_jobs(path, flags, load.jobs));
  TRY(const auto size, file_size(run.files.front().borrow(), path));
  const auto blocks = size / kRandomBlock;
  if (blocks < load.jobs) return fail(Errc::kInvalidArgument, "{} is too small", path);
  run.offsets = shuffled_offsets(blocks, load.seed);
  const auto wanted = std::min(load.operations, blocks / load.jobs) * load.jobs;
  run.offsets.resize(wanted);
  return run;
}

Figures operations_in(double seconds, std::size_t operations) {
  return {{.name = "seconds", .value = seconds},
          {.name = "operations", .value = static_cast<double>(operations)}};
}

Figures bytes_in(double seconds, std::uint64_t bytes) {
  return {{.name = "seconds", .value = seconds},
          {.name = "bytes", .value = static_cast<double>(bytes)}};
}

}  // namespace

Result<Figures> write_sequentially(const std::string& path, const SequentialLoad& load) {
  const auto block = noise(load.block, 1);
  TRY(const auto file, open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  const Stopwatch stopwatch;
  for (std::uint64_t offset = 0; offset < load.bytes; offset += load.block) {
    const auto size = std::min(load.block, load.bytes - offset);
    TRY_VOID(write_block(file.borrow(), std::span(block).first(size), offset));
  }
  if (load.durability == Durability::kFlushed) TRY_VOID(flush_file(file.borrow()));
  return bytes_in(stopwatch.seconds(), load.bytes);
}

Result<Figures> read_sequentially(const std::string& path, const SequentialLoad& load) {
  std::vector<std::byte> block(load.block);
  TRY(const auto file, open_file(path, O_RDONLY));
  TRY(const auto bytes, file_size(file.borrow(), path));
  const Stopwatch stopwatch;
  for (std::uint64_t offset = 0; offset < bytes; offset += load.block) {
    const auto size = std::min(load.block, bytes - offset);
    TRY_VOID(read_block(file.borrow(), std::span(block).first(size), offset));
  }
  return bytes_in(stopwatch.seconds(), bytes);
}

Result<Figures> read_at_random(const std::string& path, const RandomLoad& load) {
  TRY(const auto run, prepare(path, O_RDONLY, load));
  const Job job = [](BorrowedFd file, Positions positions) -> Result<void> {
    std::vector<std::byte> block(kRandomBlock);
    for (const auto position : positions) TRY_VOID(read_block(file, block, position));
    return {};
  };
  TRY(const double seconds, run_jobs(run.files, run.offsets, job));
  return operations_in(seconds, run.offsets.size());
}

Result<Figures> write_at_random(const std::string& path, const RandomLoad& load) {
  TRY(const auto run, prepare(path, O_WRONLY, load));
  const auto block = noise(kRandomBlock, load.seed);
  const Job job = [&](BorrowedFd file, Positions positions) -> Result<void> {
    for (const auto position : positions) TRY_VOID(write_block(file, block, position));
    return {};
  };
  TRY(const double writing, run_jobs(run.files, run.offsets, job));
  const Stopwatch stopwatch;
  TRY_VOID(flush_file(run.files.front().borrow()));
  auto figures = operations_in(writing + stopwatch.seconds(), run.offsets.size());
  figures.push_back({.name = "seconds_before_fsync", .value = writing});
  return figures;
}

Result<Figures> write_synchronously(const std::string& path, const RandomLoad& load) {
  TRY(const auto run, prepare(path, O_WRONLY, load));
  const auto block = noise(kRandomBlock, load.seed);
  const Job job = [&](BorrowedFd file, Positions positions) -> Result<void> {
    for (const auto position : positions) {
      TRY_VOID(write_block(file, block, position));
      if (::fdatasync(file.get()) != 0) return fail_errno(errno, Errc::kIo, "fdatasync");
    }
    return {};
  };
  TRY(const double seconds, run_jobs(run.files, run.offsets, job));
  return operations_in(seconds, run.offsets.size());
}

}  // namespace airlock::bench
