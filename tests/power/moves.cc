// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/moves.h"

#include <fmt/format.h>
#include <linux/fs.h>

#include <set>
#include <system_error>

namespace airlock::power {
namespace {

constexpr std::size_t kFolders = 2;

std::string text_of(const Outcome<void>& done) {
  if (done) return {};
  return std::error_code(done.error().value, std::system_category()).message();
}

}  // namespace

std::string Moves::content(std::size_t file) {
  return fmt::format("this is file {}", file);
}

// Long, so that a folder has many blocks.
std::string Moves::fresh_name() {
  return fmt::format("{}-{}-{}", pick(1000), ++names_, std::string(80, 'n'));
}

Outcome<void> Moves::find_folders() {
  for (std::size_t i = 0; i < kFolders; ++i) {
    TRY(const Attributes found, files_.lookup(root_, fmt::format("folder {}", i)));
    folders_.push_back(found.node);
  }
  for (std::size_t i = 0; i < kFiles; ++i)
    places_.push_back({folders_[i % kFolders], fmt::format("file {} {}", i, std::string(80, 'f'))});
  return {};
}

Outcome<void> Moves::make_file(NodeId folder, const std::string& name, const std::string& text) {
  TRY(const Attributes made, files_.make_node(folder, name, {.mode = S_IFREG | 0644}));
  TRY_VOID(files_.write(made.node, 0, std::as_bytes(std::span(text)), {}));
  return {};
}

std::string Moves::prepare() {
  const auto all = [&]() -> Outcome<void> {
    for (std::size_t i = 0; i < kFolders; ++i)
      TRY_VOID(files_.make_node(root_, fmt::format("folder {}", i), {.mode = S_IFDIR | 0755}));
    TRY_VOID(find_folders());
    for (std::size_t i = 0; i < kFiles; ++i)
      TRY_VOID(make_file(places_[i].folder, places_[i].name, content(i)));
    return {};
  };
  return text_of(all());
}

Outcome<void> Moves::rename(Place& from, NodeId to) {
  const Place now = {to, fresh_name()};
  TRY_VOID(files_.rename(from.folder, from.name, now.folder, now.name, 0));
  from = now;
  return {};
}

Outcome<void> Moves::link_and_unlink(Place& from, NodeId to) {
  const Place now = {to, fresh_name()};
  TRY(const Attributes found, files_.lookup(from.folder, from.name));
  TRY_VOID(files_.link(found.node, now.folder, now.name));
  TRY_VOID(files_.unlink(from.folder, from.name));
  from = now;
  return {};
}

Outcome<void> Moves::exchange(Place& one, Place& other) {
  TRY_VOID(files_.rename(one.folder, one.name, other.folder, other.name, RENAME_EXCHANGE));
  std::swap(one, other);
  return {};
}

// Into a new folder, which may move as well, and out again; then the folder is removed.
Outcome<void> Moves::through_a_folder(Place& place) {
  Place folder = {folders_[pick(kFolders)], fresh_name()};
  TRY(const Attributes made,
      files_.make_node(folder.folder, folder.name, {.mode = S_IFDIR | 0755}));
  TRY_VOID(rename(place, made.node));
  if (pick(2) == 0) TRY_VOID(rename(folder, folders_[pick(kFolders)]));
  if (pick(3) == 0) TRY_VOID(files_.sync_all());
  TRY_VOID(rename(place, folders_[pick(kFolders)]));
  TRY_VOID(files_.remove_directory(folder.folder, folder.name));
  if (files_.forgotten(made.node)) files_.gone(made.node);
  return {};
}

// Other files, which come and go and split blocks of folders.
Outcome<void> Moves::junk() {
  if (junk_.size() < 20 || pick(2) == 0) {
    const Place place = {folders_[pick(kFolders)], fresh_name()};
    TRY_VOID(make_file(place.folder, place.name, "junk"));
    junk_.push_back(place);
    return {};
  }
  const Place place = junk_[pick(junk_.size())];
  TRY(const Attributes found, files_.lookup(place.folder, place.name));
  TRY_VOID(files_.unlink(place.folder, place.name));
  if (files_.forgotten(found.node)) files_.gone(found.node);
  std::erase_if(junk_, [&](const Place& other) { return other.name == place.name; });
  return {};
}

Outcome<void> Moves::step() {
  Place& one = places_[pick(places_.size())];
  Place& other = places_[pick(places_.size())];
  switch (pick(12)) {
    case 0:
    case 1:
      return rename(one, one.folder);
    case 2:
    case 3:
      return rename(one, folders_[pick(kFolders)]);
    case 4:
    case 5:
      return link_and_unlink(one, folders_[pick(kFolders)]);
    case 6:
      return &one == &other ? Outcome<void>{} : exchange(one, other);
    case 7:
      return through_a_folder(one);
    case 8:
      return files_.sync_all();
    default:
      return junk();
  }
}

std::string Moves::run(int operations) {
  auto done = find_folders();
  for (int i = 0; done && i < operations; ++i) {
    done = step();
    medium_.mark(static_cast<std::uint64_t>(i) + 1);
  }
  return text_of(done);
}

std::string Moves::judge(const Tree& tree) {
  std::set<std::string> contents;
  for (const Found& found : tree)
    if (!found.folder) contents.insert(found.content);
  for (std::size_t i = 0; i < kFiles; ++i)
    if (!contents.contains(content(i))) return fmt::format("file {} has no name", i);
  return {};
}

}  // namespace airlock::power
