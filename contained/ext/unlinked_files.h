// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace airlock::ext {

// Files and folders without a name on a volume without a journal. There a file is given up only
// once no name on the medium leads to it any more; until then its inode keeps its last link, and
// here is who really has none. With a journal the chain of orphans on the medium does that, as all
// of a change arrives at once. Guarded by the volume's lock.
class UnlinkedFiles {
 public:
  // It lost its last name; `blocks` come free when it is given up.
  void add(std::uint32_t inode, std::uint64_t blocks) { files_[inode] = {.blocks = blocks}; }
  // It was made without one, so none is on the medium either.
  void add_unnamed(std::uint32_t inode) { files_[inode] = {.name = Name::kGone}; }
  [[nodiscard]] bool contains(std::uint32_t inode) const { return files_.contains(inode); }
  [[nodiscard]] bool empty() const { return files_.empty(); }
  // Nobody uses it any more. Answers whether it may be given up now.
  bool let_go(std::uint32_t inode);
  void let_all_go();
  void forget(std::uint32_t inode) { files_.erase(inode); }

  // The removal of all names so far is on its way to the medium, and is there.
  void names_leave();
  // Those whose names have gone just now.
  std::vector<std::uint32_t> names_gone();
  // Those whose names went earlier.
  [[nodiscard]] std::vector<std::uint32_t> names_gone_before() const;
  // Whether it is still one of them and its names are gone.
  [[nodiscard]] bool has_no_name(std::uint32_t inode) const;
  [[nodiscard]] bool is_let_go(std::uint32_t inode) const;

  // What giving up those that nobody uses will bring.
  struct Pending {
    std::uint32_t files = 0;
    std::uint64_t blocks = 0;
  };
  [[nodiscard]] Pending pending() const;

 private:
  enum class Name { kOnMedium, kLeaving, kGone };
  struct File {
    Name name = Name::kOnMedium;
    bool let_go = false;
    std::uint64_t blocks = 0;
  };
  std::unordered_map<std::uint32_t, File> files_;
};

}  // namespace airlock::ext
