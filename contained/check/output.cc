// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/output.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "lib/protocol/check_record.h"

namespace airlock::check {
namespace {

constexpr std::size_t kMostProgressLine = 256;
constexpr std::uint64_t kPasses = 5;
constexpr std::string_view kGap = "\n[...]\n";

bool belongs(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\n' || (byte >= 0x20 && byte != 0x7f);
}

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

void Output::append(std::string_view text) {
  written_ += text.size();
  const std::size_t room = kMostHead - head_.size();
  head_ += text.substr(0, room);
  text.remove_prefix(std::min(room, text.size()));
  tail_ += text;
  if (tail_.size() > kMostTail) tail_.erase(0, tail_.size() - kMostTail);
}

std::string Output::text() const {
  const bool whole = written_ == head_.size() + tail_.size();
  std::string text = head_ + (whole ? "" : std::string(kGap)) + tail_;
  std::erase_if(text, [](char c) { return !belongs(c); });
  return text;
}

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
