// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>
#include <sys/stat.h>

#include <cerrno>

#include "contained/fat/file_driver.h"
#include "contained/fat/session.h"
#include "contained/fat/unicode.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

// Positions in a listing: the dots, then the records of the directory.
constexpr std::uint64_t kAfterDot = 1;
constexpr std::uint64_t kAfterDots = 2;

}  // namespace

Outcome<Attributes> FileDriver::lookup(NodeId parent, std::string_view name) {
  return with_turns(volume_, [&] { return lookup_once(parent, name); });
}

Outcome<Attributes> FileDriver::lookup_once(NodeId parent, std::string_view name) {
  const Session session(volume_, nodes_);
  TRY(Node* const above, directory_node(parent));
  TRY(const Listed found, find_in(*above, name));
  if (found.info.is_directory()) nodes_.lies_in(found.id, parent);
  Attributes attributes = attributes_of(found.id, found.info);
  attributes.other_spelling = to_utf8(found.name) != name;
  return attributes;
}

Outcome<void> FileDriver::list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                               EntrySink& sink) {
  return with_turns(volume_, [&] { return list_once(directory, cookie, detail, sink); });
}

// Asks for another turn only before listing anything.
Outcome<void> FileDriver::list_once(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                                    EntrySink& sink) {
  const Session session(volume_, nodes_);
  TRY(const Known known, any_node(directory));
  if (!known.info.is_directory()) return refuse(ENOTDIR);
  if (known.node->deleted) return {};
  std::uint64_t from = cookie < kAfterDots ? 0 : cookie - kAfterDots;
  // Before the dots, so that an unreadable directory gives an error instead of an empty listing.
  TRY(auto found, next_in(*known.node, from, detail));
  const Attributes self = attributes_of(directory, known.info);
  if (cookie < kAfterDot && !sink.add(".", self, kAfterDot)) return {};
  Attributes parent = self;
  parent.node = parent.stat.st_ino = nodes_.parent_of(directory);
  if (cookie < kAfterDots && !sink.add("..", parent, kAfterDots)) return {};
  while (found) {
    const auto name = to_utf8(found->name).value_or("_");
    const Attributes attributes = attributes_of(found->id, found->info);
    if (!sink.add(name, attributes, found->next + kAfterDots)) return {};
    // A listing of names alone does not tell the kernel any number.
    if (found->info.is_directory() && detail == DirectoryDetail::kAttributes)
      nodes_.lies_in(found->id, directory);
    TRY(found, next_in(*known.node, found->next, detail));
  }
  return {};
}

Outcome<Attributes> FileDriver::make_node(NodeId parent, std::string_view name,
                                          const NewNode& node) {
  const mode_t kind = node.mode & S_IFMT;
  if (kind != S_IFDIR && kind != S_IFREG && kind != 0) return refuse(EPERM);
  return with_commits(volume_, [&] { return make_entry(parent, name, kind == S_IFDIR); });
}

Outcome<Attributes> FileDriver::make_link(NodeId, std::string_view, std::string_view, Caller) {
  return refuse(EPERM);
}
Outcome<Attributes> FileDriver::link(NodeId, NodeId, std::string_view) {
  return refuse(EPERM);
}

Outcome<void> FileDriver::unlink(NodeId parent, std::string_view name) {
  return with_commits(volume_, [&] { return remove(parent, name, /*is_directory=*/false); });
}
Outcome<void> FileDriver::remove_directory(NodeId parent, std::string_view name) {
  return with_commits(volume_, [&] { return remove(parent, name, /*is_directory=*/true); });
}

Outcome<void> FileDriver::rename(NodeId parent, std::string_view name, NodeId new_parent,
                                 std::string_view new_name, unsigned flags) {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return refuse(EINVAL);
  const Renaming renaming = {.parent = parent,
                             .name = name,
                             .new_parent = new_parent,
                             .new_name = new_name,
                             .flags = flags};
  return with_commits(volume_, [&] { return rename_once(renaming); });
}

// The time of a change inside; an error here is ignored.
void FileDriver::touch_directory(Node& node) {
  auto info = nodes_.info_of(node);
  if (!info) return;
  touch(*info);
  (void)nodes_.store(node, *info);
}

// The name of a node is about to go: the node keeps a copy of its fields, and its clusters until
// the kernel drops it. A directory is unusable after that and loses its clusters at once.
void FileDriver::forget_node(Node& node, const FileInfo& info) {
  nodes_.deleted(node, info);
  if (!info.is_directory()) return;
  node.directory.reset();
  node.unread.reset();
  if (!release_chain(node, Volume::Content::kDirectory).value_or(false))
    log(LogLevel::kWarning, "the space of a directory could not be freed; {} will find it",
        volume_.checker());
}

// Whether the file may be removed, or replaced by one of the given kind.
Outcome<void> FileDriver::check_removable(Node& node, const FileInfo& info, bool is_directory) {
  if (info.is_directory() != is_directory) return refuse(is_directory ? ENOTDIR : EISDIR);
  if (!is_directory) return {};
  TRY(const bool empty, is_empty(node));
  return empty ? Outcome<void>{} : refuse(ENOTEMPTY);
}

}  // namespace airlock::fat
