// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/program_output.h"

#include <algorithm>

namespace airlock {
namespace {

constexpr std::string_view kGap = "\n[...]\n";

bool belongs(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\n' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

void ProgramOutput::append(std::string_view text) {
  written_ += text.size();
  const std::size_t room = kMostHead - head_.size();
  head_ += text.substr(0, room);
  text.remove_prefix(std::min(room, text.size()));
  tail_ += text;
  if (tail_.size() > kMostTail) tail_.erase(0, tail_.size() - kMostTail);
}

std::string ProgramOutput::text() const {
  const bool whole = written_ == head_.size() + tail_.size();
  std::string text = head_ + (whole ? "" : std::string(kGap)) + tail_;
  std::erase_if(text, [](char c) { return !belongs(c); });
  return text;
}

}  // namespace airlock
