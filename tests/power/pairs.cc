// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/pairs.h"

#include <fmt/format.h>

#include <array>
#include <system_error>

namespace airlock::power {
namespace {

constexpr std::size_t kContent = 7000;
constexpr std::size_t kGap = 9000;

}  // namespace

struct Pairs::Table {
  static constexpr std::array<Operation, 18> kOperations = {
      &Pairs::make_file,         &Pairs::make_folder,
      &Pairs::remove_first,      &Pairs::remove_second,
      &Pairs::remove_empty,      &Pairs::rename_first,
      &Pairs::move_first,        &Pairs::move_first_into_empty,
      &Pairs::first_over_second, &Pairs::second_over_first,
      &Pairs::move_empty,        &Pairs::move_full_folder,
      &Pairs::append_first,      &Pairs::append_second,
      &Pairs::overwrite_first,   &Pairs::leave_a_hole,
      &Pairs::shrink_first,      &Pairs::extend_first};
  static constexpr std::array<Operation, 3> kSyncs = {&Pairs::no_sync, &Pairs::sync_first,
                                                      &Pairs::sync_all};
  static constexpr std::size_t kSteps = kOperations.size() * kSyncs.size();
};

std::size_t Pairs::count() {
  return Table::kSteps * Table::kSteps;
}

std::string Pairs::step(Done done) {
  if (!done) return std::error_code(done.error().value, std::system_category()).message();
  return {};
}

// No two texts have a byte sequence in common.
std::string Pairs::text(Object file, std::size_t length) {
  std::string text;
  for (++texts_; text.size() < length;) text += fmt::format("{}:{}:{} ", file, texts_, text.size());
  return text;
}

Pairs::Done Pairs::make_all() {
  TRY(one_, actor_.make({.parent = History::kRoot, .name = "one", .folder = true}));
  TRY(two_, actor_.make({.parent = History::kRoot, .name = "two", .folder = true}));
  TRY(empty_, actor_.make({.parent = one_, .name = "empty folder", .folder = true}));
  TRY(first_, actor_.make({.parent = one_, .name = "the first file of all"}));
  TRY(second_, actor_.make({.parent = two_, .name = "second"}));
  TRY_VOID(actor_.write(first_, 0, text(first_, kContent)));
  TRY_VOID(actor_.write(second_, 0, text(second_, kContent)));
  return actor_.sync();
}

std::string Pairs::prepare() {
  const auto number = history_.next();
  const std::string wrong = step(make_all());
  medium_.begin_log();
  medium_.mark(static_cast<std::uint64_t>(number));
  return wrong;
}

std::string Pairs::run(std::size_t number) {
  for (const std::size_t one : {number / Table::kSteps, number % Table::kSteps}) {
    for (const Operation operation : {Table::kOperations.at(one / Table::kSyncs.size()),
                                      Table::kSyncs.at(one % Table::kSyncs.size())}) {
      const auto now = history_.next();
      if (auto wrong = step((this->*operation)()); !wrong.empty())
        return fmt::format("pair {}: {}", number, wrong);
      medium_.mark(static_cast<std::uint64_t>(now));
    }
  }
  return {};
}

Pairs::Done Pairs::move(Object object, Object parent, const char* name) {
  const bool possible = actor_.has(object) && (parent == History::kRoot || actor_.has(parent)) &&
                        !actor_.is_taken(parent, name) && !actor_.is_inside(parent, object);
  if (!possible) return {};
  const bool folder = actor_.all().at(object).folder;
  return actor_.rename(object, {.parent = parent, .name = name, .folder = folder});
}

Pairs::Done Pairs::move_over(Object object, Object other) {
  if (!actor_.has(object) || !actor_.has(other)) return {};
  return actor_.rename(object, actor_.all().at(other));
}

Pairs::Done Pairs::remove(Object object) {
  if (!actor_.has(object) || actor_.has_children(object)) return {};
  return actor_.remove(object);
}

Pairs::Done Pairs::make_file() {
  if (actor_.is_taken(one_, "a new file")) return {};
  TRY_VOID(actor_.make({.parent = one_, .name = "a new file"}));
  return {};
}

Pairs::Done Pairs::make_folder() {
  if (actor_.is_taken(one_, "a new folder")) return {};
  TRY_VOID(actor_.make({.parent = one_, .name = "a new folder", .folder = true}));
  return {};
}

Pairs::Done Pairs::remove_first() {
  return remove(first_);
}
Pairs::Done Pairs::remove_second() {
  return remove(second_);
}
Pairs::Done Pairs::remove_empty() {
  return remove(empty_);
}
Pairs::Done Pairs::rename_first() {
  return move(first_, one_, "renamed");
}
Pairs::Done Pairs::move_first() {
  return move(first_, two_, "moved");
}
Pairs::Done Pairs::move_first_into_empty() {
  return move(first_, empty_, "inside");
}
Pairs::Done Pairs::first_over_second() {
  return move_over(first_, second_);
}
Pairs::Done Pairs::second_over_first() {
  return move_over(second_, first_);
}
Pairs::Done Pairs::move_empty() {
  return move(empty_, two_, "a moved folder");
}
Pairs::Done Pairs::move_full_folder() {
  return move(one_, two_, "one inside");
}

Pairs::Done Pairs::append_first() {
  return actor_.has(first_) ? actor_.write(first_, actor_.size(first_), text(first_, kContent))
                            : Done{};
}

Pairs::Done Pairs::append_second() {
  return actor_.has(second_) ? actor_.write(second_, actor_.size(second_), text(second_, kContent))
                             : Done{};
}

Pairs::Done Pairs::overwrite_first() {
  return actor_.has(first_) ? actor_.write(first_, kContent / 7, text(first_, kContent / 7))
                            : Done{};
}

Pairs::Done Pairs::leave_a_hole() {
  return actor_.has(first_) ? actor_.write(first_, actor_.size(first_) + kGap, text(first_, 100))
                            : Done{};
}

Pairs::Done Pairs::shrink_first() {
  return actor_.has(first_) ? actor_.resize(first_, actor_.size(first_) / 3) : Done{};
}

Pairs::Done Pairs::extend_first() {
  return actor_.has(first_) ? actor_.resize(first_, actor_.size(first_) + kGap) : Done{};
}

Pairs::Done Pairs::no_sync() {
  return {};
}
Pairs::Done Pairs::sync_first() {
  return actor_.has(first_) ? actor_.sync(first_) : Done{};
}
Pairs::Done Pairs::sync_all() {
  return actor_.sync();
}

}  // namespace airlock::power
