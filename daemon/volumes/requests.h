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
#include "daemon/loop/idle.h"
#include "daemon/people/authority.h"
#include "daemon/people/callers.h"
#include "daemon/people/sessions.h"

namespace airlock {

// The answer a caller waits for. Whatever path a request takes, and however many parts of the
// daemon think they should end it, the first answer is given and the others are not; one that was
// never answered is answered when it is destroyed.
template <typename T>
class OnceReply {
 public:
  OnceReply(Reply<T> reply, Idle::Token token)
      : reply_(std::move(reply)), token_(std::move(token)) {}
  OnceReply(const OnceReply&) = delete;
  OnceReply& operator=(const OnceReply&) = delete;
  ~OnceReply() { give(fail(Errc::kPeerGone, "airlockd stopped before it was done")); }

  void give(Result<T> result) {
    if (!reply_) return;
    auto reply = std::exchange(reply_, {});
    token_ = {};
    reply(std::move(result));
  }
  void refuse(Error error) { give(std::unexpected(std::move(error))); }

 private:
  Reply<T> reply_;
  Idle::Token token_;
};
template <typename T>
using Answer = std::shared_ptr<OnceReply<T>>;

// A request that keeps airlockd from ending until it is answered.
template <typename T>
Answer<T> once(Idle& idle, Reply<T> reply) {
  return std::make_shared<OnceReply<T>>(std::move(reply), idle.hold());
}

template <typename T>
std::move_only_function<void(Error)> refuse_with(Answer<T> answer) {
  return [answer = std::move(answer)](Error error) { answer->refuse(std::move(error)); };
}

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
  using Needs = std::move_only_function<Result<Permission>(const CallerFacts&)>;
  using Permitted = std::move_only_function<void(const CallerFacts&)>;

  struct Parts {
    Callers& callers;
    Sessions& sessions;
    Authority& authority;
  };
  static constexpr std::size_t kMostOfOneSender = 64;

  explicit Requests(Parts parts) : parts_(parts) {}
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // `volume` may be empty: the request then does not end with one. `most` requests of one user
  // other than root may be open.
  void begin(Call call, std::string volume, std::size_t most, Failed failed, Known known);
  void permit(Id id, Needs needs, Permitted permitted);
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
    Needs needs;
    Permitted permitted;
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
  [[nodiscard]] std::size_t open_of_sender(const std::string& sender) const;
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
