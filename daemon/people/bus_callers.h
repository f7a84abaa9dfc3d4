// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/people/callers.h"
#include "daemon/people/sessions.h"
#include "daemon/people/user_file.h"
#include "lib/base/error.h"

namespace airlock {

// Callers as the bus itself knows them: one GetConnectionCredentials per unique name, remembered
// until the bus says that the name has gone. A unique name is never reused, so a remembered caller
// can't turn into another. The sessions are asked each time whether a caller sits here, because
// that changes. Must not be destroyed from one of its own callbacks.
class BusCallers final : public Callers {
 public:
  // A bus accepts fewer clients than this; beyond it new callers are refused.
  static constexpr std::size_t kMostCallers = 4096;
  // How many look-ups may wait for one answer.
  static constexpr std::size_t kMostWaiting = 64;

  // For the start of the program: waits for the bus once. `connection` and `sessions` must outlive
  // it.
  static Result<std::unique_ptr<BusCallers>> create(sdbus::IConnection& connection,
                                                    const Sessions& sessions);

  // Accepts only unique names (":1.42").
  void look_up(const std::string& sender, Found found) override;
  // May be used more than once; every callback is called.
  void on_gone(std::move_only_function<void(const std::string& sender)> callback) override;

 private:
  struct Caller {
    std::optional<UserEntry> known;
    std::vector<Found> waiting;
  };
  using Credentials = std::map<std::string, sdbus::Variant>;

  explicit BusCallers(const Sessions& sessions) : sessions_(sessions) {}
  Result<void> watch(sdbus::IConnection& connection);
  Result<void> ask_bus(const std::string& sender);
  void answered(const std::string& sender, Result<UserEntry> user);
  void gone(const std::string& sender);
  [[nodiscard]] CallerFacts facts(const UserEntry& user) const;

  const Sessions& sessions_;
  std::map<std::string, Caller> callers_;
  std::vector<std::move_only_function<void(const std::string&)>> gone_callbacks_;
  std::unique_ptr<sdbus::IProxy> bus_;
  sdbus::Slot names_leaving_;
};

}  // namespace airlock
