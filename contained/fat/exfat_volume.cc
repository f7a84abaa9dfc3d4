// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_volume.h"

#include <algorithm>

#include "contained/fat/entry_set.h"
#include "contained/fat/exfat_geometry.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr unsigned kDirty = 2;
constexpr unsigned kFailure = 4;
// From this size on a set of entries fits into one block, the unit of writing.
constexpr std::uint32_t kSmallestWritten = 1024;
// The most clusters tracked in memory: 64 MiB of bits.
constexpr std::uint32_t kMostTracked = 1u << 29;
constexpr std::size_t kMostBitmapPieces = 256;
constexpr std::uint64_t kLargestDirectory = std::uint64_t{256} << 20;

// A file without a name, which has an entry in the root directory.
struct SystemFile {
  std::uint32_t cluster = 0;
  std::uint64_t size = 0;
  std::uint32_t checksum = 0;
};

// Searches the root directory for entries other than files. If one is missing or damaged, the
// volume is read-only.
class RootReader {
 public:
  explicit RootReader(Volume& volume) : volume_(volume), geometry_(volume.geometry()) {}

  Outcome<void> read() {
    ClusterChain chain(geometry_.root_cluster);
    const auto most = static_cast<std::uint32_t>(kLargestDirectory / geometry_.cluster_size);
    for (std::uint32_t index = 0; index < most; ++index) {
      TRY(const ClusterRun run, chain.find(volume_.table(), index, 1));
      if (run.count == 0) break;
      TRY(const bool more, read_cluster(run.start));
      if (!more) break;
    }
    TRY_VOID(read_bitmap());
    return read_upcase();
  }

  std::string reason;
  std::vector<ClusterRun> bitmap;
  UpcaseTable upcase;

 private:
  Outcome<bool> read_cluster(std::uint32_t cluster) {
    const std::uint64_t first = geometry_.block_of(geometry_.cluster_offset(cluster));
    const std::uint64_t count = geometry_.cluster_size / geometry_.block_size;
    for (std::uint64_t block = first; block < first + count; ++block) {
      TRY(const auto bytes, volume_.blocks().read(block, volume_.blocks_together(block)));
      for (std::size_t at = 0; at < bytes.size(); at += kRecordSize) {
        if (!look_at(bytes.subspan(at, kRecordSize))) return false;
      }
    }
    return true;
  }

  // False at the end of the directory.
  bool look_at(std::span<const std::byte> entry) {
    const auto type = load_le<std::uint8_t>(entry, 0).value_or(0);
    const SystemFile file = {.cluster = load_le<std::uint32_t>(entry, 20).value_or(0),
                             .size = load_le<std::uint64_t>(entry, 24).value_or(0),
                             .checksum = load_le<std::uint32_t>(entry, 4).value_or(0)};
    if (type == entry_type::kBitmap && !bitmap_file_) bitmap_file_ = file;
    if (type == entry_type::kUpcase && !upcase_file_) upcase_file_ = file;
    if (is_unknown_critical_primary(type))
      blame(fmt::format("its root directory has an entry of the unknown kind {:#x}", type));
    return type != entry_type::kEnd;
  }

  void blame(std::string text) {
    if (reason.empty()) reason = std::move(text);
  }

  // Nothing if the chain is shorter than the size.
  Outcome<std::vector<ClusterRun>> clusters_of(const SystemFile& file) {
    std::vector<ClusterRun> runs;
    if (file.size == 0 || file.size > std::uint64_t{1} << 30) return runs;
    const auto needed = static_cast<std::uint32_t>((file.size + geometry_.cluster_size - 1) /
                                                   geometry_.cluster_size);
    ClusterChain chain(file.cluster);
    for (std::uint32_t have = 0; have < needed;) {
      const auto run = chain.find(volume_.table(), have, needed - have);
      if (!run && run.error().value != EUCLEAN) return std::unexpected(run.error());
      if (!run || run->count == 0) return std::vector<ClusterRun>();
      runs.push_back(*run);
      have += run->count;
    }
    return runs;
  }

  Outcome<void> read_bitmap() {
    if (bitmap_file_ && bitmap_file_->size >= ClusterBitmap::bytes_for(geometry_)) {
      TRY(bitmap, clusters_of(*bitmap_file_));
    }
    if (bitmap.size() > kMostBitmapPieces) bitmap.clear();
    if (bitmap.empty())
      blame("its allocation bitmap is missing or damaged; check it with fsck.exfat");
    return {};
  }

  Outcome<void> read_upcase() {
    const auto damaged = "its up-case table is missing or damaged; check it with fsck.exfat";
    if (!upcase_file_ || upcase_file_->size > UpcaseTable::kMostBytes) {
      blame(damaged);
      return {};
    }
    TRY(upcase_place, clusters_of(*upcase_file_));
    std::vector<std::byte> bytes;
    for (const ClusterRun& run : upcase_place) {
      const std::uint64_t there = std::uint64_t{run.count} * geometry_.cluster_size;
      const std::size_t before = bytes.size();
      bytes.resize(std::min<std::uint64_t>(upcase_file_->size, before + there));
      TRY_VOID(
          volume_.read_data(geometry_.cluster_offset(run.start), std::span(bytes).subspan(before)));
    }
    auto parsed = UpcaseTable::parse(bytes, upcase_file_->checksum);
    if (parsed) {
      upcase = *std::move(parsed);
    } else {
      blame(damaged);
    }
    return {};
  }

  Volume& volume_;
  const Geometry& geometry_;
  std::optional<SystemFile> bitmap_file_;
  std::optional<SystemFile> upcase_file_;

 public:
  std::vector<ClusterRun> upcase_place;
};

std::string state_reason(const Geometry& geometry, MountMode wanted) {
  if ((geometry.state & kFailure) != 0)
    return "errors were found on it before; check it with fsck.exfat";
  if ((geometry.state & kDirty) != 0 && wanted != MountMode::kChecked)
    return "it was not unmounted cleanly; check it with fsck.exfat";
  if (geometry.block_size < kSmallestWritten)
    return "its clusters are too small to be written safely";
  if (geometry.cluster_count > kMostTracked)
    return "it has more clusters than can be kept track of";
  return {};
}

// A bitmap that shows its own clusters as free would cause them to be overwritten.
Outcome<bool> knows_itself(Volume& volume, const RootReader& root) {
  std::vector<ClusterRun> runs = root.bitmap;
  runs.insert(runs.end(), root.upcase_place.begin(), root.upcase_place.end());
  runs.push_back({.start = volume.geometry().root_cluster, .count = 1});
  for (const ClusterRun& run : runs) {
    TRY(const bool used, volume.bitmap().is_used(run));
    if (!used) return false;
  }
  return true;
}

}  // namespace

Result<ExfatVolume> open_exfat(BlockIo& io, MountMode wanted) {
  TRY(const Geometry geometry, read_exfat_geometry(io));
  const auto cannot_read = [](Errno error) {
    if (error.value == EUCLEAN) return fail(Errc::kCorrupted, "its root directory is damaged");
    return fail_errno(error.value, Errc::kIo, "cannot read the root directory");
  };
  const auto scan = Volume::make(io, geometry, MountMode::kReadOnly, {});
  RootReader root(*scan);
  if (const auto read = root.read(); !read) return cannot_read(read.error());
  std::string reason = state_reason(geometry, wanted);
  if (reason.empty()) reason = root.reason;
  Volume::Known known = {.reason = reason,
                         .free = {},
                         .hint = kFirstCluster,
                         .bitmap = root.bitmap,
                         .unclean = (geometry.state & kDirty) != 0};
  // Counting needs memory for all clusters.
  if (geometry.cluster_count > kMostTracked) known.free = 0;
  auto volume = Volume::make(io, geometry, wanted, known);
  if (reason.empty()) {
    const auto sensible = knows_itself(*volume, root);
    if (!sensible) return cannot_read(sensible.error());
    known.reason = "its allocation bitmap is damaged; check it with fsck.exfat";
    if (!*sensible) volume = Volume::make(io, geometry, wanted, known);
  }
  return ExfatVolume{.volume = std::move(volume), .upcase = std::move(root.upcase)};
}

}  // namespace airlock::fat
