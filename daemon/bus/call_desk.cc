// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/call_desk.h"

namespace airlock {

CallDesk::CallDesk(BusSource& bus) : bus_(bus) {
  bus_.on_left([this](const std::string& sender) { left(sender); });
}

CallDesk::~CallDesk() {
  bus_.on_left({});
}

Result<CallDesk::Admitted> CallDesk::admit(std::string sender, const BusOptions& options,
                                           OptionSet taken) {
  if (service_ == nullptr) return fail(Errc::kBusy, "airlockd is still starting");
  callers_.insert(sender);
  TRY(auto ticket, pending_.take(sender));
  TRY(auto read, read_options(options, taken));
  return Admitted{.call = {.sender = std::move(sender), .options = std::move(read)},
                  .ticket = std::move(ticket)};
}

void CallDesk::left(const std::string& sender) {
  if (callers_.erase(sender) > 0 && service_ != nullptr) service_->caller_gone(sender);
}

}  // namespace airlock
