// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/bus/bus_values.h"
#include "daemon/bus/caller_limits.h"
#include "daemon/bus/open_calls.h"
#include "lib/base/error.h"
#include "lib/base/log.h"

namespace airlock {

// The one reply to a method call. The holder may keep it as long as it likes, even after the called
// object is gone: it keeps the connection alive. (An object is kept until its calls are answered;
// if it had to make room earlier, they can only be answered with an error.) Only the first answer
// is sent; if it is destroyed without one, the caller is told that the request was abandoned. Never
// throws. Values must be clean() already.
template <typename... Values>
class Answer {
 public:
  Answer(std::shared_ptr<sdbus::IConnection> connection, OpenCalls::Ticket call,
         sdbus::Result<Values...>&& result)
      : connection_(std::move(connection)), call_(std::move(call)), result_(std::move(result)) {}
  Answer(Answer&& other) noexcept
      : connection_(std::move(other.connection_)),
        call_(std::move(other.call_)),
        ticket_(std::move(other.ticket_)),
        result_(std::exchange(other.result_, std::nullopt)) {}
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (result_) fail(Error{.code = Errc::kSystem, .what = "the request was abandoned"});
  }

  // Counts against the caller's limit until the answer.
  void occupy(CallerLimits::Ticket ticket) { ticket_ = std::move(ticket); }

  void succeed(const Values&... values) noexcept {
    send([&](const auto& result) {
      if (call_.object_gone())
        return result.returnError(
            to_bus(Error{.code = Errc::kNotFound, .what = "the called object no longer exists"}));
      try {
        result.returnResults(values...);
      } catch (const sdbus::Error& problem) {  // too large for a message, say
        log(LogLevel::kWarning, "an answer could not be sent: {}", problem.what());
        result.returnError(to_bus(Error{.what = "the answer could not be sent"}));
      }
    });
  }
  void fail(const Error& error) noexcept {
    send([&](const auto& result) { result.returnError(to_bus(error)); });
  }

 private:
  template <typename Send>
  void send(Send reply) noexcept {
    if (!result_) return;
    const auto result = std::exchange(result_, std::nullopt);
    ticket_ = {};
    try {
      reply(*result);
    } catch (const std::exception& problem) {
      log(LogLevel::kDebug, "a reply could not be sent: {}", problem.what());
    }
    call_ = {};
  }

  std::shared_ptr<sdbus::IConnection> connection_;
  OpenCalls::Ticket call_;
  CallerLimits::Ticket ticket_;
  std::optional<sdbus::Result<Values...>> result_;  // must go before the connection does
};

}  // namespace airlock
