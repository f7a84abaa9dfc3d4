// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <utility>

namespace airlock {

// Runs a callable at the end of the scope unless dismissed. Use it to undo a step that has no type
// of its own; a step that occurs twice deserves a real owner instead.
template <typename Function>
class [[nodiscard]] Defer {
 public:
  explicit Defer(Function function) : function_(std::move(function)) {}
  Defer(const Defer&) = delete;
  Defer& operator=(const Defer&) = delete;
  ~Defer() {
    if (armed_) function_();
  }
  void dismiss() { armed_ = false; }

 private:
  Function function_;
  bool armed_ = true;
};

}  // namespace airlock
