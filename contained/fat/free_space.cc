// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/free_space.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

namespace airlock::fat {
namespace {

constexpr std::uint32_t kSegmentClusters = 1u << 16;
// How many segments with some room are compared for the longest run.
constexpr unsigned kSegmentsToCompare = 4;

}  // namespace

FreeSpace::FreeSpace(AllocationMap& map, const Geometry& geometry,
                     std::optional<std::uint32_t> known_free, std::uint32_t hint)
    : map_(map),
      geometry_(geometry),
      segments_((geometry.cluster_count + kSegmentClusters - 1) / kSegmentClusters),
      free_(known_free),
      hint_(geometry.is_cluster(hint) ? hint : kFirstCluster) {}

std::uint32_t FreeSpace::segment_of(std::uint32_t cluster) const {
  return (cluster - kFirstCluster) / kSegmentClusters;
}
std::uint32_t FreeSpace::segment_start(std::uint32_t segment) const {
  return kFirstCluster + segment * kSegmentClusters;
}
std::uint32_t FreeSpace::segment_size(std::uint32_t segment) const {
  return std::min(kSegmentClusters, geometry_.cluster_count - segment * kSegmentClusters);
}

bool FreeSpace::is_used(std::uint32_t cluster) const {
  const std::uint32_t segment = segment_of(cluster);
  const std::uint32_t bit = cluster - segment_start(segment);
  return (segments_[segment].used[bit / 64] >> (bit % 64) & 1) != 0;
}

void FreeSpace::set_used(std::uint32_t cluster, bool used) {
  if (is_used(cluster) == used) return;
  const std::uint32_t number = segment_of(cluster);
  Segment& segment = segments_[number];
  const std::uint32_t bit = cluster - segment_start(number);
  segment.used[bit / 64] ^= std::uint64_t{1} << (bit % 64);
  segment.free += used ? ~std::uint32_t{0} : 1;
}

// Changes only a segment that has been read: a later read sees the new state anyway.
void FreeSpace::set_used(const ClusterRun& run, bool used) {
  for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster) {
    if (!segments_[segment_of(cluster)].used.empty()) set_used(cluster, used);
  }
}

void FreeSpace::hold_back(std::uint32_t segment, std::span<const ClusterRun> runs) {
  const std::uint32_t start = segment_start(segment);
  const std::uint32_t end = start + segment_size(segment);
  for (const ClusterRun& run : runs) {
    for (std::uint32_t at = std::max(run.start, start); at < std::min(run.end(), end); ++at)
      set_used(at, true);
  }
}

Outcome<void> FreeSpace::load(std::uint32_t segment) {
  if (!segments_[segment].used.empty()) return {};
  const std::uint32_t size = segment_size(segment);
  std::vector<std::uint64_t> used((size + 63) / 64, 0);
  TRY_VOID(map_.read_used(segment_start(segment), size, used));
  std::uint32_t free = size;
  for (const std::uint64_t word : used) free -= static_cast<std::uint32_t>(std::popcount(word));
  segments_[segment] = {.used = std::move(used), .free = free};
  // The map shows these as free already, but the medium perhaps does not.
  hold_back(segment, erased_);
  hold_back(segment, held_);
  return {};
}

// The first run of free clusters in [from, end), at most `most` long; both in one read segment.
ClusterRun FreeSpace::next_run(std::uint32_t from, std::uint32_t end, std::uint32_t most) const {
  const std::uint32_t segment = segment_of(from);
  const std::uint32_t start = segment_start(segment);
  const std::vector<std::uint64_t>& used = segments_[segment].used;
  std::uint32_t bit = from - start;
  const std::uint32_t stop = end - start;
  while (bit < stop) {
    const std::uint64_t word = ~used[bit / 64] >> (bit % 64);
    if (word != 0) {
      bit += static_cast<std::uint32_t>(std::countr_zero(word));
      break;
    }
    bit = (bit / 64 + 1) * 64;
  }
  if (bit >= stop) return {};
  ClusterRun run = {.start = start + bit, .count = 0};
  while (bit < stop && run.count < most && !is_used(start + bit)) {
    ++bit;
    ++run.count;
  }
  return run;
}

Outcome<ClusterRun> FreeSpace::run_at(std::uint32_t goal, std::uint32_t want) {
  if (!geometry_.is_cluster(goal)) return ClusterRun{};
  const std::uint32_t segment = segment_of(goal);
  TRY_VOID(load(segment));
  if (is_used(goal)) return ClusterRun{};
  return next_run(goal, segment_start(segment) + segment_size(segment), want);
}

// Once around from the hint on. Returns the first run that is long enough, else the longest of the
// first few segments that have any.
Outcome<ClusterRun> FreeSpace::search(std::uint32_t want) {
  ClusterRun best;
  unsigned compared = 0;
  const std::uint32_t first = segment_of(hint_);
  for (std::uint32_t i = 0; i <= segment_count() && compared < kSegmentsToCompare; ++i) {
    const std::uint32_t number = (first + i) % segment_count();
    TRY_VOID(load(number));
    if (segments_[number].free == 0) continue;
    const std::uint32_t start = segment_start(number);
    const std::uint32_t end = start + segment_size(number);
    std::uint32_t at = i == 0 ? hint_ : start;
    while (at < end) {
      const ClusterRun run = next_run(at, end, want);
      if (run.count == 0) break;
      if (run.count > best.count) best = run;
      if (run.count == want) return run;
      at = run.end();
    }
    if (best.count > 0) ++compared;
  }
  return best;
}

Outcome<ClusterRun> FreeSpace::reserve(std::uint32_t goal, std::uint32_t want) {
  TRY(ClusterRun run, run_at(goal, want));
  if (run.count == 0) {
    TRY(run, search(want));
  }
  if (run.count == 0) return refuse(ENOSPC);
  set_used(run, true);
  change_count(-std::int64_t{run.count});
  hint_ = geometry_.is_cluster(run.end()) ? run.end() : kFirstCluster;
  return run;
}

void FreeSpace::cancel(const ClusterRun& reserved) {
  set_used(reserved, false);
  change_count(reserved.count);
}

void FreeSpace::given_up(const ClusterRun& run) {
  change_count(run.count);
  given_up_ += run.count;
}

void FreeSpace::erased(const ClusterRun& run) {
  given_up_ -= std::min<std::uint64_t>(given_up_, run.count);
  erased_.push_back(run);
}

std::vector<ClusterRun> FreeSpace::take_erased() {
  held_ = std::exchange(erased_, {});
  return held_;
}

void FreeSpace::reusable(std::span<const ClusterRun> runs) {
  for (const ClusterRun& run : runs) set_used(run, false);
  held_.clear();
}

// Released by their files and not reusable yet.
std::uint64_t FreeSpace::on_their_way() const {
  std::uint64_t total = given_up_;
  for (const ClusterRun& run : erased_) total += run.count;
  for (const ClusterRun& run : held_) total += run.count;
  return total;
}

Outcome<std::uint32_t> FreeSpace::count() {
  if (free_) return *free_;
  for (std::uint32_t segment = 0; segment < segment_count(); ++segment) TRY_VOID(load(segment));
  return *(free_ = most());
}

std::uint32_t FreeSpace::most() const {
  if (free_) return *free_;
  std::uint64_t total = on_their_way();
  for (std::uint32_t segment = 0; segment < segment_count(); ++segment)
    total += segments_[segment].used.empty() ? segment_size(segment) : segments_[segment].free;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(total, geometry_.cluster_count));
}

void FreeSpace::change_count(std::int64_t difference) {
  if (!free_) return;
  free_ = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(*free_ + difference, 0, geometry_.cluster_count));
}

Outcome<std::vector<ClusterRun>> FreeSpace::free_runs(std::uint32_t segment) {
  TRY_VOID(load(segment));
  std::vector<ClusterRun> runs;
  const std::uint32_t end = segment_start(segment) + segment_size(segment);
  for (std::uint32_t at = segment_start(segment); at < end;) {
    const ClusterRun run = next_run(at, end, kSegmentClusters);
    if (run.count == 0) break;
    runs.push_back(run);
    at = run.end();
  }
  return runs;
}

}  // namespace airlock::fat
