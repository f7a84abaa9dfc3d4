// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/api/service.h"
#include "daemon/people/authority.h"
#include "daemon/people/callers.h"
#include "daemon/people/sessions.h"

namespace airlock {

// What must be allowed before something is done, and what a person who is asked gets to see.
struct Permission {
  std::vector<std::string> actions;  // all of them; none: go ahead
  std::map<std::string, std::string> details;
};

// The requests that are not carried out yet: their caller is looked up, a medium is examined, or
// polkit is asked. A request that has got its permissions leaves; what is done then is the
// business of who asked for them. Leaving otherwise (the caller or the volume is gone) calls
// `failed`, so that of `failed` and `permitted` exactly one is called, once.
class Requests {
 public:
  using Id = std::uint64_t;
  using Failed = std::move_only_function<void(Error)>;
  using Known = std::move_only_function<void(Id, const CallerFacts&)>;
  // Worked out anew before and after every question, because everything may have changed while a
  // person looked for a password.
  using PermissionNeeded = std::move_only_function<Result<Permission>(const CallerFacts&)>;
  using Permitted = std::move_only_function<void(const CallerFacts&)>;
  // Asked before each of these looks. True: the volume cannot be judged now, and the request goes
  // on when the function is called.
  using Unsettled = std::move_only_function<bool(std::move_only_function<void()> go_on)>;

  struct Parts {
    Callers& callers;
    Sessions& sessions;
    Authority& authority;
  };
  explicit Requests(Parts parts) : parts_(parts) {}
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // `volume` may be empty: the request then does not end with one. `most` requests of one user
  // other than root may be open; how many one connection may have is the bus side's business.
  void begin(Call call, std::string volume, std::size_t most, Failed failed, Known known);
  void permit(Id id, PermissionNeeded needs, Permitted permitted, Unsettled unsettled = {});
  void refuse(Id id, Error error);
  [[nodiscard]] bool open(Id id) const { return requests_.contains(id); }
  [[nodiscard]] std::size_t size() const { return requests_.size(); }

  void volume_gone(const std::string& volume, const Error& why);
  void caller_gone(const std::string& sender);

 private:
  struct Request {
    Call call;
    std::string volume;
    CallerFacts caller;
    bool caller_known = false;
    Failed failed;
    PermissionNeeded needs;
    Permitted permitted;
    Unsettled unsettled;
    std::set<std::string> granted;
    std::optional<std::map<std::string, std::string>> shown;  // to whoever was asked
    std::unique_ptr<PendingQuestion> question;
  };

  void found(Id id, std::size_t most, Result<CallerFacts> caller, Known known);
  void step(Id id);
  void ask(Id id, const std::string& action, const Permission& needed);
  void answered(Id id, const std::string& action, Result<void> answer);
  void refresh(CallerFacts& caller) const;
  [[nodiscard]] std::size_t open_of_user(uid_t user) const;
  Request* find(Id id);
  Request take(Id id);
  template <typename Fits>
  void refuse_all(Fits fits, const Error& why);

  Parts parts_;
  std::map<Id, Request> requests_;
  std::unique_ptr<PendingQuestion> answered_;  // the last one; its callback may still be running
  Id last_ = 0;
};

}  // namespace airlock
