// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/latency_load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/bench/data_load.h"
#include "tests/bench/files.h"

namespace airlock::bench {
namespace {

constexpr std::uint64_t kSamples = 500;
constexpr std::uint64_t kLargeSamples = 32;
constexpr std::uint64_t kLargeRead = 1 << 20;
// Far enough apart that one sample's read-ahead cannot serve the next.
constexpr std::uint64_t kSmallReadStride = 64 << 10;

using Sample = std::function<Result<void>(std::uint64_t index)>;

Result<Figure> median_of(std::string_view name, std::uint64_t count, const Sample& sample) {
  std::vector<double> microseconds;
  for (std::uint64_t index = 0; index < count; ++index) {
    const Stopwatch stopwatch;
    auto done = sample(index);
    microseconds.push_back(stopwatch.seconds() * 1e6);
    if (!done) return fail(std::move(done), "{}", name);
  }
  std::ranges::sort(microseconds);
  return Figure{.name = name, .value = microseconds[microseconds.size() / 2]};
}

// With AT_STATX_FORCE_SYNC a program asks FUSE not to answer from the attribute cache.
Result<Figure> probe_getattr(const std::string& file) {
  return median_of("getattr", kSamples, [&](std::uint64_t) -> Result<void> {
    struct statx status = {};
    if (::statx(AT_FDCWD, file.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status) != 0)
      return fail_errno(errno, Errc::kIo, "statx");
    return {};
  });
}

// A new name each time, because a known absence may be cached too.
Result<Figure> probe_lookup_miss(const std::string& directory) {
  return median_of("lookup_miss", kSamples, [&](std::uint64_t index) -> Result<void> {
    struct stat status = {};
    if (::lstat(fmt::format("{}/absent-{}", directory, index).c_str(), &status) == 0)
      return fail(Errc::kCorrupted, "a name nobody made exists");
    if (errno != ENOENT) return fail_errno(errno, Errc::kIo, "lstat");
    return {};
  });
}

Result<Figure> probe_create(const std::string& directory) {
  return median_of("create", kSamples, [&](std::uint64_t index) -> Result<void> {
    TRY(const auto file,
        open_file(fmt::format("{}/made-{}", directory, index), O_WRONLY | O_CREAT | O_EXCL));
    return {};
  });
}

Result<Figure> probe_unlink(const std::string& directory) {
  return median_of("unlink", kSamples, [&](std::uint64_t index) -> Result<void> {
    if (::unlink(fmt::format("{}/made-{}", directory, index).c_str()) != 0)
      return fail_errno(errno, Errc::kIo, "unlink");
    return {};
  });
}

struct ReadProbe {
  std::string_view name;
  std::uint64_t samples;
  std::uint64_t size;
  std::uint64_t stride;
  int advice;
};

Result<Figure> probe_read(const std::string& path, const ReadProbe& probe) {
  TRY(const auto file, open_file(path, O_RDONLY));
  (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);  // drops its clean pages
  (void)::posix_fadvise(file.get(), 0, 0, probe.advice);         // advice may be ignored
  std::vector<std::byte> block(probe.size);
  return median_of(probe.name, probe.samples, [&](std::uint64_t index) {
    return read_block(file.borrow(), block, index * probe.stride);
  });
}

}  // namespace

Result<Figures> probe_latency(const std::string& directory) {
  const auto file = directory + "/latency-probe";
  TRY_VOID(write_sequentially(file, {.bytes = kLargeSamples * kLargeRead}));
  TRY(const auto getattr, probe_getattr(file));
  TRY(const auto lookup_miss, probe_lookup_miss(directory));
  TRY(const auto create, probe_create(directory));
  TRY(const auto unlink, probe_unlink(directory));
  TRY(const auto small, probe_read(file, {.name = "read_4k",
                                          .samples = kSamples,
                                          .size = 4096,
                                          .stride = kSmallReadStride,
                                          .advice = POSIX_FADV_RANDOM}));
  TRY(const auto large, probe_read(file, {.name = "read_1m",
                                          .samples = kLargeSamples,
                                          .size = kLargeRead,
                                          .stride = kLargeRead,
                                          .advice = POSIX_FADV_NORMAL}));
  return Figures{getattr, lookup_miss, create, unlink, small, large};
}

}  // namespace airlock::bench
