// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/file_system.h"

#include <linux/fs.h>

#include <cerrno>

namespace airlock {

Outcome<Attributes> FileSystem::change(NodeId, const AttributeChange&) {
  return refuse(EROFS);
}
Outcome<Attributes> FileSystem::make_node(NodeId, std::string_view, const NewNode&) {
  return refuse(EROFS);
}
Outcome<Attributes> FileSystem::make_link(NodeId, std::string_view, std::string_view, Caller) {
  return refuse(EROFS);
}
Outcome<Attributes> FileSystem::link(NodeId, NodeId, std::string_view) {
  return refuse(EROFS);
}
Outcome<void> FileSystem::unlink(NodeId, std::string_view) {
  return refuse(EROFS);
}
Outcome<void> FileSystem::remove_directory(NodeId, std::string_view) {
  return refuse(EROFS);
}
Outcome<void> FileSystem::rename(NodeId, std::string_view, NodeId, std::string_view, unsigned) {
  return refuse(EROFS);
}
Outcome<void> FileSystem::rename_leaving_whiteout(NodeId, std::string_view, NodeId,
                                                  std::string_view, unsigned, Caller) {
  return refuse(EINVAL);
}
Outcome<Attributes> FileSystem::make_unnamed(NodeId, const NewNode&) {
  return refuse(ENOSYS);
}
Outcome<Written> FileSystem::write(NodeId, std::uint64_t, std::span<const std::byte>,
                                   const WriteOptions&) {
  return refuse(EROFS);
}
Outcome<void> FileSystem::allocate(NodeId, int, std::uint64_t, std::uint64_t) {
  return refuse(ENOSYS);
}
Outcome<std::uint64_t> FileSystem::seek(NodeId, std::uint64_t, int) {
  return refuse(ENOSYS);
}
Outcome<void> FileSystem::sync(NodeId, SyncScope) {
  return {};
}
Outcome<void> FileSystem::sync_all() {
  return {};
}
Outcome<std::string> FileSystem::get_attribute(NodeId, std::string_view) {
  return refuse(ENOSYS);
}
Outcome<std::string> FileSystem::list_attributes(NodeId) {
  return refuse(ENOSYS);
}
Outcome<void> FileSystem::set_attribute(NodeId, std::string_view, std::span<const std::byte>, int) {
  return refuse(ENOSYS);
}
Outcome<void> FileSystem::remove_attribute(NodeId, std::string_view) {
  return refuse(ENOSYS);
}
Outcome<FileFlags> FileSystem::flags(NodeId node) {
  if (names() == Names::kExact) return refuse(ENOTTY);
  TRY(const auto attributes, this->attributes(node));
  return FileFlags{.flags = S_ISDIR(attributes.stat.st_mode) ? FS_CASEFOLD_FL : 0u};
}
Outcome<void> FileSystem::change_flags(NodeId, std::uint32_t) {
  return refuse(ENOTTY);
}
Outcome<std::string> FileSystem::label() {
  return refuse(ENOTTY);
}
Outcome<void> FileSystem::set_label(std::string_view) {
  return refuse(ENOTTY);
}
Outcome<std::uint64_t> FileSystem::trim(std::uint64_t, std::uint64_t, std::uint64_t) {
  return refuse(ENOTTY);
}
bool FileSystem::forgotten(NodeId) {
  return false;
}
void FileSystem::gone(NodeId) {}
Outcome<void> FileSystem::unmounted() {
  return {};
}

}  // namespace airlock
