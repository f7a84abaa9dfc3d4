// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "daemon/handover/handovers.h"
#include "daemon/loop/event_loop.h"

namespace airlock {

// Starts a process for each handover. Any failure in it, even a filesystem that never answers, only
// affects this handover.
class HandoverDesk final : public Handovers {
 public:
  struct Options {
    std::string directory;
    std::chrono::milliseconds unclaimed{30'000};  // until take() is called
    std::chrono::milliseconds answer{10'000};     // from then on
    std::size_t most_of_one_user = 16;            // not taken yet
  };
  // Makes the folder if necessary; removes sockets of an earlier airlockd.
  static Result<std::unique_ptr<HandoverDesk>> open(EventLoop& loop, Options options);
  ~HandoverDesk() override;

  void prepare(const std::string& sender, uid_t user, Prepared done) override;
  void take(const std::string& sender, const std::string& socket, Taken done) override;
  void caller_gone(const std::string& sender) override;

  [[nodiscard]] std::size_t open_handovers() const { return open_.size(); }

 private:
  struct Keeper;
  class KeptFile;
  class Handover;
  HandoverDesk(EventLoop& loop, Options options);
  [[nodiscard]] Result<void> require_room(uid_t user) const;
  template <typename Answer, typename Value>
  void answer_soon(Answer answer, Value value);

  EventLoop& loop_;
  Options options_;
  std::map<std::string, std::unique_ptr<Handover>> open_;  // by their socket
  std::map<std::uint64_t, EventSource> answers_;           // to be given in the next round
  std::uint64_t last_ = 0;
};

}  // namespace airlock
