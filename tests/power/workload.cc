// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <system_error>

namespace airlock::power {

Workload::Workload(FileSystem& files, RecordingMedium& medium, History& history,
                   const WorkloadOptions& options)
    : medium_(medium),
      history_(history),
      options_(options),
      random_(options.seed),
      actor_(files, history, options.root) {}

unsigned Workload::pick(std::size_t below) {
  return static_cast<unsigned>(random_() % below);
}

std::size_t Workload::count(bool folder) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      actor_.all(), [&](const auto& item) { return item.second.folder == folder; }));
}

// The root if there is none.
Workload::Object Workload::pick_of(bool folder) {
  std::vector<Object> all;
  for (const auto& [object, place] : actor_.all())
    if (place.folder == folder) all.push_back(object);
  return all.empty() ? History::kRoot : all[pick(all.size())];
}

Workload::Object Workload::pick_folder() {
  return pick(3) == 0 ? History::kRoot : pick_of(true);
}

// Short, of two parts, and longer than the room in a shared directory sector.
std::string Workload::pick_name() {
  const std::array<std::size_t, 5> lengths = {0, 8, 20, 70, 150};
  return fmt::format("name {}{}", pick(30), std::string(lengths.at(pick(lengths.size())), 'x'));
}

Workload::Done Workload::make(bool folder) {
  const Actor::Place place = {.parent = pick_folder(), .name = pick_name(), .folder = folder};
  if (actor_.is_taken(place.parent, place.name)) return {};
  TRY_VOID(actor_.make(place));
  return {};
}

// Every write has different bytes, so that no write can be mistaken for another.
Workload::Done Workload::write_some() {
  const Object file = pick_of(false);
  if (file == History::kRoot) return {};
  const std::size_t size = actor_.size(file);
  if (size > 8 * std::size_t{options_.most_bytes}) return {};
  const std::size_t at = pick(3) == 0 && size > 0 ? pick(size) : size;
  std::string text;
  for (std::size_t length = 1 + pick(options_.most_bytes); text.size() < length;)
    text += fmt::format("{}:{} ", file, random_());
  return actor_.write(file, at, text);
}

Workload::Done Workload::resize() {
  const Object file = pick_of(false);
  if (file == History::kRoot) return {};
  return actor_.resize(file, pick(actor_.size(file) + options_.most_bytes / 3));
}

Workload::Done Workload::rename_some(bool folder, bool replace) {
  const Object object = pick_of(folder);
  if (object == History::kRoot) return {};
  Actor::Place to = {.parent = pick(2) == 0 ? actor_.all().at(object).parent : pick_folder(),
                     .name = pick_name(),
                     .folder = folder};
  const Object target = replace ? pick_of(folder) : History::kRoot;
  if (target == object || (folder && target != History::kRoot && actor_.has_children(target)))
    return {};
  if (target != History::kRoot) to = actor_.all().at(target);
  if (target == History::kRoot && actor_.is_taken(to.parent, to.name)) return {};
  if (actor_.is_inside(to.parent, object)) return {};
  return actor_.rename(object, to);
}

Workload::Done Workload::remove_some(bool folder) {
  const Object object = pick_of(folder);
  if (object == History::kRoot || actor_.has_children(object)) return {};
  return actor_.remove(object);
}

Workload::Done Workload::sync() {
  const Object file = pick_of(false);
  if (!options_.sync_single_files || file == History::kRoot || pick(2) == 0) return actor_.sync();
  return actor_.sync(file);
}

Workload::Done Workload::step() {
  const bool room = count(false) < options_.most_files;
  switch (pick(16)) {
    case 0:
    case 1:
    case 2:
      return room ? make(false) : remove_some(false);
    case 3:
      return count(true) < options_.most_folders ? make(true) : remove_some(true);
    case 4:
    case 5:
    case 6:
      return write_some();
    case 7:
      return resize();
    case 8:
    case 9:
    case 10:
      return rename_some(false, false);
    case 11:
      return rename_some(false, true);
    case 12:
      return rename_some(true, pick(4) == 0 && options_.replace_folders);
    case 13:
      return remove_some(pick(4) == 0);
    default:
      return sync();
  }
}

std::string Workload::run(int operations) {
  for (int i = 0; i < operations; ++i) {
    const History::Step number = history_.next();
    const Done done = step();
    if (!done)
      return fmt::format("operation {}: {}", number,
                         std::error_code(done.error().value, std::system_category()).message());
    medium_.mark(static_cast<std::uint64_t>(number));
  }
  return {};
}

}  // namespace airlock::power
