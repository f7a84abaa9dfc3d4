// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/file_system.h"

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
