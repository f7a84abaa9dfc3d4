// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "contained/runtime/driver_options.h"
#include "contained/runtime/file_system.h"
#include "contained/runtime/read_only_format.h"

namespace airlock {

// The FileSystem over a ReadOnlyFormat. It has no lock and no state, so every thread of the server
// may be in it at once, and another process can continue a listing that one began.
//
// A listing is continued by the position the format gave. Positions must grow: an entry that leads
// back is the last, and then comes EIO and not the same again. A name that no program could use is
// left out.
class ReadOnlyFiles final : public FileSystem {
 public:
  // Looking for a name, and one part of a listing, give up with EIO after so many entries.
  static constexpr std::uint64_t kMostEntries = std::uint64_t{1} << 20;

  // The format outlives this.
  ReadOnlyFiles(const ReadOnlyFormat& format, const DriverOptions& options)
      : format_(format), owners_(options.owners), user_(options.user), group_(options.group) {}

  [[nodiscard]] Writes writes() const override { return Writes::kAtOnce; }

  Outcome<Attributes> lookup(NodeId parent, std::string_view name) override;
  Outcome<Attributes> attributes(NodeId node) override;
  Outcome<void> list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                     EntrySink& sink) override;
  Outcome<std::size_t> read(NodeId node, std::uint64_t offset, std::span<std::byte> into) override;
  Outcome<std::string> read_link(NodeId node) override;
  Outcome<struct statvfs> statistics() override;
  Outcome<std::string> get_attribute(NodeId node, std::string_view name) override;
  Outcome<std::string> list_attributes(NodeId node) override;

  // The other operations that write are EROFS in FileSystem already.
  Outcome<void> allocate(NodeId node, int mode, std::uint64_t offset,
                         std::uint64_t length) override;
  Outcome<void> set_attribute(NodeId node, std::string_view name, std::span<const std::byte> value,
                              int flags) override;
  Outcome<void> remove_attribute(NodeId node, std::string_view name) override;
  Outcome<std::uint64_t> trim(std::uint64_t start, std::uint64_t length,
                              std::uint64_t minimum) override;

 private:
  [[nodiscard]] NodeId number_on_medium(NodeId node) const;
  [[nodiscard]] Outcome<NodeId> number_for_kernel(NodeId number) const;
  Outcome<NodeInfo> info(NodeId number) const;
  Outcome<void> require_directory(NodeId number) const;
  Outcome<std::optional<NodeId>> find(NodeId directory, std::string_view name) const;
  Outcome<Attributes> attributes_of(NodeId number) const;
  [[nodiscard]] Attributes listed(NodeId number, mode_t type, DirectoryDetail detail) const;
  [[nodiscard]] Attributes listed_parent(NodeId directory) const;

  const ReadOnlyFormat& format_;
  MediaOwners owners_;
  uid_t user_;
  gid_t group_;
};

}  // namespace airlock
