// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/output.h"

#include <array>
#include <charconv>

#include "lib/protocol/check_record.h"

namespace airlock::check {
namespace {

constexpr std::size_t kMostProgressLine = 256;
constexpr std::uint64_t kPasses = 5;

// "1 20 150 /dev/medium"
std::optional<std::uint32_t> understand(std::string_view line) {
  std::array<std::uint64_t, 3> numbers{};
  const char* at = line.data();
  const char* const end = line.data() + line.size();
  for (std::uint64_t& number : numbers) {
    while (at != end && *at == ' ') ++at;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) return std::nullopt;
    at = rest;
  }
  const auto [pass, done, all] = numbers;
  if (pass < 1 || pass > kPasses || all == 0 || all > UINT32_MAX || done > all) return std::nullopt;
  return static_cast<std::uint32_t>(((pass - 1) * kWholeProgress + done * kWholeProgress / all) /
                                    kPasses);
}

}  // namespace

std::optional<std::uint32_t> ProgressLines::append(std::string_view text) {
  std::optional<std::uint32_t> grown;
  for (const char c : text) {
    if (c != '\n') {
      if (line_.size() < kMostProgressLine) line_ += c;
      continue;
    }
    const auto done = understand(line_);
    line_.clear();
    if (!done || *done <= done_) continue;
    done_ = *done;
    grown = done_;
  }
  return grown;
}

}  // namespace airlock::check
