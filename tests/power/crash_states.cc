// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/crash_states.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace airlock::power {
namespace {

using Event = RecordingMedium::Event;
using Kind = Event::Kind;

constexpr std::array<const char*, kShapes> kShapeNames = {"in order", "torn", "reordered"};

}  // namespace

std::string CrashState::text() const {
  return fmt::format("after {} events, {}", events, kShapeNames.at(std::to_underlying(shape)));
}

std::size_t StateCounts::all() const {
  return std::accumulate(by_shape.begin(), by_shape.end(), std::size_t{0});
}

std::string StateCounts::text() const {
  std::string text = fmt::format("{} states", all());
  for (std::size_t i = 0; i < kShapes; ++i)
    text += fmt::format("{} {} {}", i == 0 ? ":" : ",", by_shape.at(i), kShapeNames.at(i));
  return text;
}

StateCounts& StateCounts::operator+=(const StateCounts& other) {
  for (std::size_t i = 0; i < kShapes; ++i) by_shape.at(i) += other.by_shape.at(i);
  return *this;
}

std::size_t CrashStates::candidates() const {
  std::size_t points = 0;
  for (const Event& event : log_) points += event.kind == Kind::kFlush ? 0 : 1;
  return points * (1 + plan_.torn + plan_.subsets);
}

bool CrashStates::chosen() {
  return std::uniform_real_distribution<double>(0, 1)(random_) < share_;
}

unsigned CrashStates::pick(std::size_t below) {
  return static_cast<unsigned>(random_() % below);
}

// Some sectors of a write: the first ones, the last ones, or any.
void CrashStates::add_torn(Pieces& pieces, const Event& event) {
  const std::size_t sectors = (event.data.size() + plan_.sector - 1) / plan_.sector;
  const std::size_t cut = pick(sectors + 1);
  const unsigned way = pick(3);
  for (std::size_t i = 0; i < sectors; ++i) {
    const bool arrived = way == 0 ? i < cut : way == 1 ? i >= cut : pick(2) == 0;
    if (!arrived) continue;
    const std::size_t from = i * plan_.sector;
    const std::size_t size = std::min(plan_.sector, event.data.size() - from);
    pieces.push_back({event.offset + from, std::span(event.data).subspan(from, size)});
  }
}

CrashStates::Pieces CrashStates::in_order() const {
  Pieces pieces;
  for (const std::size_t i : unflushed_) pieces.push_back({log_[i].offset, log_[i].data});
  return pieces;
}

CrashStates::Pieces CrashStates::torn() {
  Pieces pieces = in_order();
  if (pieces.empty()) return pieces;
  pieces.pop_back();
  add_torn(pieces, log_[unflushed_.back()]);
  return pieces;
}

// A random part of them, all but one, or only one: often a single early or late write matters.
CrashStates::Pieces CrashStates::subset() {
  Pieces pieces;
  if (unflushed_.empty()) return pieces;
  const unsigned way = pick(3);
  const std::size_t special = unflushed_[pick(unflushed_.size())];
  for (const std::size_t i : unflushed_) {
    const Event& event = log_[i];
    const bool whole = way == 0 ? pick(5) < 2 : way == 1 ? i != special : i == special;
    if (whole) pieces.push_back({event.offset, event.data});
    if (!whole && way == 0 && pick(3) == 0) add_torn(pieces, event);
  }
  return pieces;
}

// Puts the image together for the judge and restores it afterwards.
bool CrashStates::ask(std::size_t events, Shape shape, const Pieces& pieces, const Judge& judge) {
  if (!chosen()) return true;
  std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> undo;
  undo.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    const auto at = image_.begin() + static_cast<std::ptrdiff_t>(piece.offset);
    undo.emplace_back(piece.offset,
                      std::vector(at, at + static_cast<std::ptrdiff_t>(piece.data.size())));
    std::ranges::copy(piece.data, at);
  }
  const bool go_on = judge({.events = events, .shape = shape, .image = image_});
  ++counts_.by_shape.at(std::to_underlying(shape));
  std::ranges::reverse(undo);
  for (const auto& [offset, old] : undo)
    std::ranges::copy(old, image_.begin() + static_cast<std::ptrdiff_t>(offset));
  return go_on;
}

bool CrashStates::judge_at(std::size_t events, const Judge& judge) {
  if (!ask(events, Shape::kInOrder, in_order(), judge)) return false;
  for (unsigned i = 0; i < plan_.torn; ++i)
    if (!ask(events, Shape::kTorn, torn(), judge)) return false;
  for (unsigned i = 0; i < plan_.subsets; ++i)
    if (!ask(events, Shape::kSubset, subset(), judge)) return false;
  return true;
}

StateCounts CrashStates::run(const Judge& judge) {
  const std::size_t all = candidates();
  share_ = all > plan_.most ? static_cast<double>(plan_.most) / static_cast<double>(all) : 1;
  for (std::size_t i = 0; i < log_.size(); ++i) {
    const Event& event = log_[i];
    if (event.kind == Kind::kFlush) {
      for (const std::size_t write : unflushed_)
        std::ranges::copy(log_[write].data,
                          image_.begin() + static_cast<std::ptrdiff_t>(log_[write].offset));
      unflushed_.clear();
      continue;
    }
    if (event.kind == Kind::kWrite) unflushed_.push_back(i);
    if (!judge_at(i + 1, judge)) break;
  }
  return counts_;
}

}  // namespace airlock::power
