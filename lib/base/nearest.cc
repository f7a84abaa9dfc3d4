// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/nearest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace airlock {
namespace {

constexpr std::size_t kMostLetters = 64;

// How many letters must be changed, added or dropped. Two swapped neighbours count once, because
// that is a common typing error.
std::size_t distance(std::string a, std::string_view b) {
  std::size_t swapped = 0;
  for (std::size_t i = 0; i + 1 < std::min(a.size(), b.size()); ++i) {
    if (a[i] == b[i] || a[i] != b[i + 1] || a[i + 1] != b[i]) continue;
    std::swap(a[i], a[i + 1]);
    ++swapped;
  }
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back() + swapped;
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kMostLetters) return {};
  // Only for longer words: a word of two letters is similar to everything.
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t far = distance(std::string(word), candidate);
    if (far >= best_distance || far >= candidate.size()) continue;
    best_distance = far;
    best = candidate;
  }
  return best;
}

}  // namespace airlock
