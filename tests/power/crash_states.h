// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/power/recording_medium.h"

namespace airlock::power {

// A medium writes all of a sector or nothing of it. Larger writes tear.
inline constexpr std::size_t kSector = 512;

enum class Shape {
  kInOrder,  // all writes so far arrived
  kTorn,     // the last of them only in part
  kSubset,   // some writes since the last flush arrived, whole or torn, in any order
};
inline constexpr std::size_t kShapes = 3;

// A medium after a power cut.
struct CrashState {
  std::size_t events = 0;  // how many events of the log had begun
  Shape shape = Shape::kInOrder;
  std::span<const std::byte> image;  // valid while the judge runs
  [[nodiscard]] std::string text() const;
};

struct CrashPlan {
  std::uint64_t seed = 1;
  // At every write and every mark, besides the state in order.
  unsigned torn = 1;
  unsigned subsets = 2;
  std::size_t most = ~std::size_t{0};  // beyond it, a seeded choice among all states
  std::size_t sector = kSector;        // of the medium
};

// How many states of each shape were judged.
struct StateCounts {
  std::array<std::size_t, kShapes> by_shape = {};
  [[nodiscard]] std::size_t all() const;
  [[nodiscard]] std::string text() const;
  StateCounts& operator+=(const StateCounts& other);
};

// Makes every state that a power cut during a recorded session could leave: after each prefix of
// the log, with the last write torn, and with any of the writes since the last flush missing.
class CrashStates {
 public:
  // `before` is the medium at the beginning of the log.
  CrashStates(std::vector<std::byte> before, const RecordingMedium::Log& log, const CrashPlan& plan)
      : log_(log), plan_(plan), image_(std::move(before)), random_(plan.seed) {}

  // Asks the judge about one state after the other, until all were judged or it returned false.
  using Judge = std::function<bool(const CrashState&)>;
  StateCounts run(const Judge& judge);

 private:
  // The part of a write that arrived.
  struct Piece {
    std::uint64_t offset;
    std::span<const std::byte> data;
  };
  using Pieces = std::vector<Piece>;

  [[nodiscard]] std::size_t candidates() const;
  bool chosen();
  unsigned pick(std::size_t below);
  void add_torn(Pieces& pieces, const RecordingMedium::Event& event);
  Pieces in_order() const;
  Pieces torn();
  Pieces subset();
  bool judge_at(std::size_t events, const Judge& judge);
  bool ask(std::size_t events, Shape shape, const Pieces& pieces, const Judge& judge);

  const RecordingMedium::Log& log_;
  CrashPlan plan_;
  std::vector<std::byte> image_;        // everything up to the last flush
  std::vector<std::size_t> unflushed_;  // the writes since then
  std::mt19937_64 random_;
  double share_ = 1;
  StateCounts counts_;
};

}  // namespace airlock::power
