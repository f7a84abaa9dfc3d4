// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/unlinked_files.h"

namespace airlock::ext {

bool UnlinkedFiles::let_go(std::uint32_t inode) {
  const auto found = files_.find(inode);
  if (found == files_.end()) return false;
  found->second.let_go = true;
  return found->second.name == Name::kGone;
}

void UnlinkedFiles::let_all_go() {
  for (auto& [inode, file] : files_) file.let_go = true;
}

bool UnlinkedFiles::has_no_name(std::uint32_t inode) const {
  const auto found = files_.find(inode);
  return found != files_.end() && found->second.name == Name::kGone;
}

bool UnlinkedFiles::is_let_go(std::uint32_t inode) const {
  const auto found = files_.find(inode);
  return found != files_.end() && found->second.let_go;
}

void UnlinkedFiles::names_leave() {
  for (auto& [inode, file] : files_)
    if (file.name == Name::kOnMedium) file.name = Name::kLeaving;
}

std::vector<std::uint32_t> UnlinkedFiles::names_gone() {
  std::vector<std::uint32_t> inodes;
  for (auto& [inode, file] : files_) {
    if (file.name != Name::kLeaving) continue;
    file.name = Name::kGone;
    inodes.push_back(inode);
  }
  return inodes;
}

std::vector<std::uint32_t> UnlinkedFiles::names_gone_before() const {
  std::vector<std::uint32_t> inodes;
  for (const auto& [inode, file] : files_)
    if (file.name == Name::kGone) inodes.push_back(inode);
  return inodes;
}

UnlinkedFiles::Pending UnlinkedFiles::pending() const {
  Pending pending;
  for (const auto& [inode, file] : files_) {
    if (!file.let_go) continue;
    ++pending.files;
    pending.blocks += file.blocks;
  }
  return pending;
}

}  // namespace airlock::ext
