// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/nodes.h"

#include <cerrno>

#include "contained/fat/root_time.h"

namespace airlock::fat {

Nodes::Nodes(Volume& volume) : volume_(volume) {
  Node& root = add(kRoot, 0);
  root.own_info.attributes = attribute::kDirectory;
  root.own_info.first_cluster = volume.geometry().root_cluster;
  root.own_info.made = root.own_info.modified = root_time(volume);
  root.chain = ClusterChain(root.own_info.first_cluster);
}

Outcome<std::span<std::byte>> Nodes::record(std::uint64_t position) {
  const Geometry& geometry = volume_.geometry();
  const bool in_root = geometry.root_slots > 0 && position >= geometry.root_offset &&
                       position < geometry.data_offset;
  const bool in_data = position >= geometry.data_offset && position < geometry.end();
  if (!in_root && !in_data) return refuse(ESTALE);
  return volume_.record(position);
}

}  // namespace airlock::fat
