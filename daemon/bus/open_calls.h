// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace airlock {

// The unanswered calls of one object. When the library sends an answer, it compares it with a
// signature stored in the called object: so the object must stay on the bus while a call is open,
// and an answer must know if it could not. A Ticket may outlive this.
class OpenCalls {
  struct State {
    std::size_t count = 0;
    bool object_gone = false;
    std::function<void()> none_left;
  };

 public:
  class [[nodiscard]] Ticket {
   public:
    Ticket() = default;
    explicit Ticket(std::shared_ptr<State> state) : state_(std::move(state)) { ++state_->count; }
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept {
      if (this != &other) {
        close();
        state_ = std::move(other.state_);
      }
      return *this;
    }
    ~Ticket() { close(); }

    [[nodiscard]] bool object_gone() const { return state_ && state_->object_gone; }

   private:
    void close() {
      const auto state = std::exchange(state_, nullptr);
      if (state && --state->count == 0 && state->none_left) state->none_left();
    }

    std::shared_ptr<State> state_;
  };

  OpenCalls() : state_(std::make_shared<State>()) {}
  ~OpenCalls() {
    state_->object_gone = true;
    state_->none_left = {};
  }
  OpenCalls(const OpenCalls&) = delete;
  OpenCalls& operator=(const OpenCalls&) = delete;

  Ticket take() { return Ticket(state_); }
  [[nodiscard]] bool any() const { return state_->count > 0; }
  // Called, perhaps while answering, whenever the last open call has been answered.
  void on_none_left(std::function<void()> callback) { state_->none_left = std::move(callback); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace airlock
