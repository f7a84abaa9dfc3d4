// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/line_tail.h"

#include <utility>

namespace airlock {

void LineTail::append(std::string_view text) {
  for (const char character : text) {
    if (character == '\n')
      end_line();
    else if (unfinished_.size() < kMaximumLineLength)
      unfinished_ += character;
  }
}

void LineTail::finish() {
  if (!unfinished_.empty()) end_line();
}

void LineTail::end_line() {
  bytes_ += unfinished_.size();
  lines_.push_back(std::exchange(unfinished_, {}));
  while (lines_.size() > kMaximumLines || bytes_ > kMaximumBytes) {
    bytes_ -= lines_.front().size();
    lines_.pop_front();
  }
}

}  // namespace airlock
