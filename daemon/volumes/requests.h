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

// The permissions that something needs, and what the person who is asked gets to see.
struct Permission {
  std::vector<std::string> actions;  // all of them are needed; empty: go ahead
  std::map<std::string, std::string> details;
};

// The requests that are not carried out yet: the caller is being looked up, a medium examined, or
// polkit asked. A request leaves when it has its permissions, and then its maker carries it out. If
// it leaves because its caller or volume is gone, `failed` is called. So exactly one of `failed`
// and `permitted` is called, once.
class Requests {
 public:
  using Id = std::uint64_t;
  using Failed = std::move_only_function<void(Error)>;
  using Known = std::move_only_function<void(Id, const CallerFacts&)>;
  // Computed again before and after every question, because everything may have changed while a
  // person typed a password.
  using PermissionNeeded = std::move_only_function<Result<Permission>(const CallerFacts&)>;
  using Permitted = std::move_only_function<void(const CallerFacts&)>;
  // Called before each of these. True: the volume can't be judged now, and the request continues
  // when `go_on` is called.
  using Unsettled = std::move_only_function<bool(std::move_only_function<void()> go_on)>;

  struct Parts {
    Callers& callers;
    Sessions& sessions;
    Authority& authority;
  };
  explicit Requests(Parts parts) : parts_(parts) {}
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // `volume` may be empty; the request then does not end with a volume. `most` limits the open
  // requests of one user other than root; the bus side limits those of one connection.
  void begin(Call call, std::string volume, std::size_t most, Failed failed, Known known);
  void permit(Id id, PermissionNeeded needs, Permitted permitted, Unsettled unsettled = {});
  // The same, but the request stays, and `next` goes on with it. Its answers are worth nothing for
  // what comes next, because people are shown more then.
  void permit_first(Id id, PermissionNeeded needs, Known next);
  // Whether the caller has the permission without anybody being asked; the request stays.
  void find_out(Id id, std::string action, std::move_only_function<void(bool allowed)> next);
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
    Known next;  // given: this is not the last permission
    std::set<std::string> granted;
    std::optional<std::map<std::string, std::string>> shown;  // to the person who was asked
    std::unique_ptr<PendingQuestion> question;
  };

  void found(Id id, std::size_t most, Result<CallerFacts> caller, Known known);
  void step(Id id);
  void go_on(Id id, Request& request);
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
