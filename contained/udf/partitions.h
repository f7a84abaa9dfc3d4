// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "contained/udf/file_data.h"
#include "contained/udf/physical_partitions.h"
#include "contained/udf/volume.h"

namespace airlock::udf {

// All partitions of a volume. Of those that lie in files, one is the blocks of its file (metadata);
// the other is a table of where each block was last written (virtual), which is how a medium that
// is written once can change.
class Partitions final : public BlockReader {
 public:
  // Reads the tables. The sentence of the error is for the user.
  static Result<Partitions> open(const MediumReader& medium, const Volume& volume);

  // Of all parts of the medium, in bytes.
  [[nodiscard]] std::uint64_t size() const;
  Outcome<void> read(Place place, std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  struct InFile {
    PartitionKind kind;
    FileData file;
    std::uint16_t partition = 0;   // that it lies in
    std::uint64_t entries_at = 0;  // kVirtual: where the table begins in the file, and its size
    std::uint64_t entries = 0;
  };
  explicit Partitions(PhysicalPartitions physical)
      : BlockReader(physical.block_size()), physical_(std::move(physical)) {}
  static Result<InFile> open_virtual(const PhysicalPartitions& physical, std::uint16_t partition);
  static Result<InFile> open_metadata(const PhysicalPartitions& physical, std::uint16_t partition,
                                      const PartitionMap& map);
  Outcome<void> read_virtual(const InFile& table, Place place, std::uint64_t offset,
                             std::span<std::byte> into) const;

  PhysicalPartitions physical_;
  std::vector<std::optional<InFile>> in_files_;
};

}  // namespace airlock::udf
