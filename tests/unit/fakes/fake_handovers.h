// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/handover/handovers.h"
#include "daemon/loop/event_loop.h"
#include "tests/unit/fakes/file_here.h"

namespace airlock {

// Descriptors that the test itself handed over.
class FakeHandovers final : public Handovers {
 public:
  explicit FakeHandovers(EventLoop& loop) : loop_(loop) {}

  // The name of the socket at which they are.
  template <typename... Files>
  std::string put(const std::string& sender, Files... files) {
    const std::string name = "/handover/" + std::to_string(++last_);
    auto& there = sent_[{sender, name}];
    (there.push_back(std::move(files)), ...);
    return name;
  }

  void prepare(const std::string& /*sender*/, uid_t /*user*/, Prepared done) override {
    soon([done = std::move(done), name = "/handover/" + std::to_string(++last_)]() mutable {
      done(std::move(name));
    });
  }

  void take(const std::string& sender, const std::string& socket, Taken done) override {
    auto sent = sent_.extract({sender, socket});
    soon([done = std::move(done), sent = std::move(sent)]() mutable {
      if (!sent) return done(fail(Errc::kInvalidArgument, "no such socket"));
      std::vector<HandedFile> files;
      for (UniqueFd& file : sent.mapped()) files.push_back(handed(std::move(file)));
      done(std::move(files));
    });
  }

  void caller_gone(const std::string& /*sender*/) override { waiting_.clear(); }

 private:
  static HandedFile handed(UniqueFd file) {
    auto copy = duplicate(file.borrow());
    return {.file = file_here(std::move(file)), .own = copy ? std::move(*copy) : UniqueFd()};
  }
  template <typename Action>
  void soon(Action action) {
    waiting_.push_back(*loop_.soon(std::move(action)));
  }

  EventLoop& loop_;
  std::map<std::pair<std::string, std::string>, std::vector<UniqueFd>> sent_;
  std::vector<EventSource> waiting_;
  int last_ = 0;
};

}  // namespace airlock
