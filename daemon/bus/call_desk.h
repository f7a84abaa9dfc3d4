// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "daemon/api/service.h"
#include "daemon/bus/answer.h"
#include "daemon/bus/bus_source.h"
#include "daemon/bus/bus_text.h"
#include "daemon/bus/call_options.h"
#include "daemon/bus/caller_limits.h"
#include "daemon/bus/open_calls.h"
#include "daemon/bus/sdbus_bridge.h"

namespace airlock {

// How many calls of one connection may wait for an answer at the same time.
inline constexpr std::size_t kMostCallsPerCaller = 32;

// The objects hand in their calls here. It counts them, reads their options, and passes them to the
// Service when the library has finished with the message, so that the Service may destroy even the
// called object. Tells the Service when a caller has left.
class CallDesk {
 public:
  explicit CallDesk(BusSource& bus);
  ~CallDesk();
  CallDesk(const CallDesk&) = delete;
  CallDesk& operator=(const CallDesk&) = delete;

  // Earlier calls are refused.
  void open(Service& service) { service_ = &service; }

  // ask(Service&, Call, Reply<T>), where `give` turns the T into the values of the reply:
  // give(Answer<Values...>&, T&&).
  template <typename T, typename... Values, typename Give, typename Ask>
  void pass_on(const sdbus::IObject& object, OpenCalls::Ticket open,
               sdbus::Result<Values...>&& result, const BusOptions& options, OptionSet taken,
               Give give, Ask ask) {
    Answer<Values...> answer(bus_.share(), std::move(open), std::move(result));
    auto call = admit(sdbus_bridge::sender(object), options, taken);
    if (!call) return answer.fail(call.error());
    answer.occupy(std::move(call->ticket));
    auto reply = [answer = std::move(answer), give](Result<T> outcome) mutable {
      if (!outcome) return answer.fail(outcome.error());
      if constexpr (std::is_void_v<T>)
        answer.succeed();
      else
        give(answer, *std::move(outcome));
    };
    bus_.after_message(
        [this, call = std::move(call->call), reply = Reply<T>(std::move(reply)),
         ask = std::move(ask)]() mutable { ask(*service_, std::move(call), std::move(reply)); });
  }

 private:
  struct Admitted {
    Call call;
    CallerLimits::Ticket ticket;
  };
  Result<Admitted> admit(std::string sender, const BusOptions& options, OptionSet taken);
  void left(const std::string& sender);

  BusSource& bus_;
  Service* service_ = nullptr;
  CallerLimits pending_{"calls", kMostCallsPerCaller};
  std::set<std::string> callers_;  // known and not gone; the bus limits their number
};

// Different ways to give an answer.
struct GiveNothing {
  void operator()(auto&&...) const {}
};
struct GiveText {
  void operator()(Answer<std::string>& answer, std::string&& text) const {
    answer.succeed(bus_text(text));
  }
};
struct GiveVolume {
  void operator()(Answer<sdbus::ObjectPath>& answer, std::string&& id) const {
    answer.succeed(sdbus::ObjectPath(volume_path(id)));
  }
};
struct GiveLines {
  void operator()(Answer<std::vector<std::string>>& answer,
                  std::vector<std::string>&& lines) const {
    answer.succeed(clean(lines));
  }
};
struct GiveValues {
  void operator()(auto& answer, auto&& values) const { answer.succeed(to_bus(values)); }
};

}  // namespace airlock
