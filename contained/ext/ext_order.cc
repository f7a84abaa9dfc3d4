// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <cerrno>
#include <ctime>

#include "contained/ext/ext_driver.h"
#include "contained/ext/open_directory.h"
#include "lib/base/log.h"

// What names and their removal ask of the order of writes on a volume without a journal; see
// write_order.md. With one nothing of this is needed, as a change arrives as a whole.
namespace airlock::ext {

std::uint32_t ExtDriver::links_of(const Inode& inode) const {
  return volume_.unlinked().contains(inode.number()) ? 0 : inode.raw().i_links_count;
}

Outcome<std::uint64_t> ExtDriver::block_of(const Inode& directory, std::string_view name) {
  OpenDirectory open(volume_, directory);
  TRY(const std::uint32_t index, open.names.block_of(name));
  return open.blocks.place(index);
}

// A file or folder that had a name before, or a folder that files will move into, has got this one.
Outcome<void> ExtDriver::name_arrived(const Inode& directory, std::string_view name,
                                      const Inode& named) {
  if (volume_.has_journal()) return {};
  TRY(const std::uint64_t block, block_of(directory, name));
  // It waits for others itself, so nothing else in the batch could wait for it.
  if (volume_.cache().rank(block) == write_rank::kLostNames) return volume_.seal_batch();
  volume_.name_order().gained(block, named.number());
  if (named.is_directory()) volume_.name_order().gained_folder(block);
  return {};
}

// Takes a name away after all names that came in this batch are on the medium: one of them may be
// the new name of what it led to, or of what was below it.
Outcome<void> ExtDriver::remove_last(const Inode& directory, std::string_view name,
                                     const Instead& instead) {
  if (volume_.has_journal() || volume_.name_order().empty())
    return leave_entry(directory, name, instead);
  TRY_VOID(leave_inline(directory));
  TRY(const std::uint64_t block, block_of(directory, name));
  // What a new block holds was perhaps moved there from one that is there already.
  const bool cannot_wait =
      volume_.cache().is_fresh(block) || volume_.name_order().is_waited_for(block);
  if (cannot_wait) TRY_VOID(volume_.seal_batch());
  TRY_VOID(leave_entry(directory, name, instead));
  if (!cannot_wait) volume_.cache().changed(block, write_rank::kLostNames);
  return {};
}

Outcome<void> ExtDriver::leave_entry(const Inode& directory, std::string_view name,
                                     const Instead& instead) {
  return instead ? replace_entry(directory, name, *instead) : remove_entry(directory, name);
}

// A name is about to go, or to lead elsewhere.
Outcome<void> ExtDriver::before_removal(const Inode& directory) {
  if (volume_.has_journal()) return {};
  if (volume_.name_order().has_grown(directory.number())) TRY_VOID(volume_.seal_batch());
  volume_.name_order().removed_name();
  return {};
}

// The second half of a rename. Within one block both names change at once.
Outcome<void> ExtDriver::leave_old_name(const Inode& from, std::string_view name, const Inode& to,
                                        std::string_view new_name, const Inode& moved,
                                        const Instead& instead) {
  if (volume_.has_journal()) return leave_entry(from, name, instead);
  TRY(const std::uint64_t old_block, block_of(from, name));
  TRY(const std::uint64_t new_block, block_of(to, new_name));
  if (old_block == new_block) return leave_entry(from, name, instead);
  TRY_VOID(name_arrived(to, new_name, moved));
  return remove_last(from, name, instead);
}

// A name that is about to lead elsewhere: other names of what it leads to, or of what was in it,
// have to be there before.
Outcome<void> ExtDriver::before_replacing(const Inode& displaced) {
  const NameOrder& order = volume_.name_order();
  const bool must_wait =
      displaced.is_directory() ? !order.empty() : order.has_new_name(displaced.number());
  return must_wait && !volume_.has_journal() ? volume_.seal_batch() : Outcome<void>{};
}

// Two names in different blocks cannot change at once, so one file has a third meanwhile.
Outcome<void> ExtDriver::exchange_names(const Inode& old_parent, std::string_view name,
                                        const Inode& new_parent, std::string_view new_name,
                                        const Inode& a, const Inode& b) {
  const auto swap_first = [&] { return replace_entry(old_parent, name, entry_to(b)); };
  const auto swap_second = [&] { return replace_entry(new_parent, new_name, entry_to(a)); };
  bool at_once = volume_.has_journal();
  if (!at_once) {
    TRY(const std::uint64_t one, block_of(old_parent, name));
    TRY(const std::uint64_t other, block_of(new_parent, new_name));
    at_once = one == other;
  }
  if (at_once) {
    TRY_VOID(swap_first());
    return swap_second();
  }
  const std::string spare = fmt::format(".exchanged-{}", a.number());
  TRY_VOID(require_absent(old_parent, spare));
  TRY_VOID(add_entry(old_parent, spare, entry_to(a)));
  TRY_VOID(volume_.seal_batch());
  TRY_VOID(swap_first());
  TRY_VOID(volume_.seal_batch());
  TRY_VOID(swap_second());
  TRY_VOID(volume_.seal_batch());
  return remove_entry(old_parent, spare);
}

// The last name is gone in memory. The kernel may hold the file open still.
void ExtDriver::forget_later(const Inode& inode) {
  const std::uint32_t block_size = volume_.block_size();
  volume_.unlinked().add(inode.number(), inode.sectors(block_size) / (block_size / 512));
}

// Called when the names of these are gone from the medium, too.
void ExtDriver::names_gone(std::span<const std::uint32_t> numbers) {
  for (const std::uint32_t number : numbers) {
    const Volume::Operation operation(volume_);
    // The kernel may have let go of it meanwhile, and another file have its number.
    if (!volume_.unlinked().has_no_name(number)) continue;
    const auto inode = volume_.inode(number);
    if (!inode) continue;
    if (volume_.unlinked().is_let_go(number)) {
      give_up(*inode);
    } else {
      // Still open: should the power go, e2fsck deletes it.
      inode->raw().i_links_count = 0;
      inode->raw().i_dtime = static_cast<std::uint32_t>(std::time(nullptr));
      volume_.inode_changed(*inode);
    }
  }
}

void ExtDriver::give_up(const Inode& inode) {
  volume_.unlinked().forget(inode.number());
  inode.raw().i_links_count = 0;
  if (!delete_inode(inode))
    log(LogLevel::kWarning, "inode {} could not be deleted; e2fsck will find it", inode.number());
}

}  // namespace airlock::ext
