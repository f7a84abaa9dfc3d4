// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/requests.h"

#include <algorithm>

namespace airlock {

Requests::Request* Requests::find(Id id) {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : &found->second;
}

// Removes it from the table first: the next call may begin or end other requests.
Requests::Request Requests::take(Id id) {
  Request request = std::move(requests_.at(id));
  requests_.erase(id);
  request.question.reset();
  return request;
}

void Requests::refuse(Id id, Error error) {
  if (find(id) == nullptr) return;
  Request request = take(id);
  request.failed(std::move(error));
}

std::size_t Requests::open_of_user(uid_t user) const {
  return static_cast<std::size_t>(std::ranges::count_if(requests_, [&](const auto& entry) {
    return entry.second.caller_known && entry.second.caller.user == user;
  }));
}

void Requests::begin(Call call, std::string volume, std::size_t most, Failed failed, Known known) {
  const Id id = ++last_;
  const std::string sender = call.sender;
  Request request;
  request.call = std::move(call);
  request.volume = std::move(volume);
  request.failed = std::move(failed);
  requests_.emplace(id, std::move(request));
  parts_.callers.look_up(
      sender, [this, id, most, known = std::move(known)](Result<CallerFacts> caller) mutable {
        found(id, most, std::move(caller), std::move(known));
      });
}

void Requests::found(Id id, std::size_t most, Result<CallerFacts> caller, Known known) {
  Request* request = find(id);
  if (request == nullptr) return;  // it ended while the bus was asked
  if (!caller) return refuse(id, std::move(caller).error());
  if (caller->user != 0 && open_of_user(caller->user) >= most)
    return refuse(
        id,
        fail(Errc::kLimitExceeded, "{} requests of this user have no answer yet", most).error());
  request->caller = *std::move(caller);
  request->caller_known = true;
  refresh(request->caller);
  const CallerFacts facts = request->caller;
  known(id, facts);
}

// A person's seat may change; who they are does not.
void Requests::refresh(CallerFacts& caller) const {
  std::string seat;
  caller.in_active_session = parts_.sessions.is_active(caller.user, &seat);
  caller.seat = caller.in_active_session ? seat : "";
}

void Requests::permit(Id id, PermissionNeeded needs, Permitted permitted, Unsettled unsettled) {
  Request* request = find(id);
  if (request == nullptr) return;
  request->needs = std::move(needs);
  request->permitted = std::move(permitted);
  request->unsettled = std::move(unsettled);
  step(id);
}

void Requests::permit_first(Id id, PermissionNeeded needs, Known next) {
  Request* request = find(id);
  if (request == nullptr) return;
  request->needs = std::move(needs);
  request->next = std::move(next);
  step(id);
}

void Requests::find_out(Id id, std::string action,
                        std::move_only_function<void(bool allowed)> next) {
  Request* request = find(id);
  if (request == nullptr) return;
  if (request->caller.user == 0) return next(true);
  Authority::Question question{.sender = request->call.sender,
                               .action = std::move(action),
                               .details = {},
                               .interaction = Interaction::kNotAllowed};
  const auto answered = std::make_shared<bool>(false);
  auto pending = parts_.authority.ask(
      std::move(question), [this, id, answered, next = std::move(next)](Result<void> said) mutable {
        *answered = true;
        Request* asker = find(id);
        if (asker == nullptr) return;
        answered_ = std::move(asker->question);
        next(said.has_value());
      });
  request = find(id);
  if (request != nullptr && !*answered)
    request->question = std::move(pending);
  else
    answered_ = std::move(pending);
}

void Requests::go_on(Id id, Request& request) {
  request.granted.clear();
  request.shown.reset();
  Known next = std::exchange(request.next, {});
  const CallerFacts caller = request.caller;
  next(id, caller);
}

void Requests::step(Id id) {
  Request* request = find(id);
  if (request == nullptr) return;
  if (request->unsettled && request->unsettled([this, id] { step(id); })) return;
  refresh(request->caller);
  Result<Permission> needed = request->needs(request->caller);
  if (!needed) return refuse(id, std::move(needed).error());
  if (request->shown && *request->shown != needed->details)
    return refuse(
        id, fail(Errc::kPeerGone, "the medium changed while permission was asked for").error());
  const auto missing = std::ranges::find_if(
      needed->actions, [&](const auto& action) { return !request->granted.contains(action); });
  if (request->caller.user != 0 && missing != needed->actions.end())
    return ask(id, *missing, *needed);
  if (request->next) return go_on(id, *request);
  Request permitted = take(id);
  permitted.permitted(permitted.caller);
}

void Requests::ask(Id id, const std::string& action, const Permission& needed) {
  Request* request = find(id);
  request->shown = needed.details;
  Authority::Question question{.sender = request->call.sender,
                               .action = action,
                               .details = needed.details,
                               .interaction = request->call.options.no_user_interaction
                                                  ? Interaction::kNotAllowed
                                                  : Interaction::kAllowed};
  auto pending = parts_.authority.ask(std::move(question), [this, id, action](Result<void> answer) {
    answered(id, action, std::move(answer));
  });
  // An authority may answer at once; then the next question may be under way already.
  request = find(id);
  if (request != nullptr && !request->granted.contains(action))
    request->question = std::move(pending);
  else
    answered_ = std::move(pending);
}

void Requests::answered(Id id, const std::string& action, Result<void> answer) {
  Request* request = find(id);
  if (request == nullptr) return;
  answered_ = std::move(request->question);
  if (!answer) return refuse(id, std::move(answer).error());
  request->granted.insert(action);
  step(id);
}

template <typename Fits>
void Requests::refuse_all(Fits fits, const Error& why) {
  std::vector<Id> ids;
  for (const auto& [id, request] : requests_)
    if (fits(request)) ids.push_back(id);
  for (const Id id : ids) refuse(id, why);
}

void Requests::volume_gone(const std::string& volume, const Error& why) {
  refuse_all([&](const Request& request) { return request.volume == volume; }, why);
}

void Requests::caller_gone(const std::string& sender) {
  const Error why = fail(Errc::kPeerGone, "the caller left the bus").error();
  refuse_all([&](const Request& request) { return request.call.sender == sender; }, why);
}

}  // namespace airlock
