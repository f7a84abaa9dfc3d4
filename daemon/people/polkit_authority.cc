// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/polkit_authority.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/bus/bus_peer.h"
#include "daemon/people/polkit_answer.h"

namespace airlock {
namespace {

constexpr auto kPolkit = "org.freedesktop.PolicyKit1";
constexpr auto kPolkitPath = "/org/freedesktop/PolicyKit1/Authority";
constexpr auto kInterface = "org.freedesktop.PolicyKit1.Authority";
constexpr std::uint32_t kAllowUserInteraction = 1;
// More than our own deadline, which gives the better error message.
constexpr std::chrono::seconds kCallMargin{5};

}  // namespace

// All open questions. A reply finds its question by number, or is too late.
class PolkitAuthority::Questions : public std::enable_shared_from_this<Questions> {
 public:
  using Number = std::uint64_t;

  Questions(EventLoop& loop, Callers& callers, Limits limits, std::unique_ptr<sdbus::IProxy> polkit)
      : loop_(loop), callers_(callers), limits_(limits), polkit_(std::move(polkit)) {}

  void forget_those_who_leave();
  Number add(Question question, Answer answer);
  void withdraw(Number number);

 private:
  struct Open {
    Question question;
    Answer answer;
    EventSource timer;             // the deadline, or the delay before a known failure is reported
    std::optional<uid_t> user;     // once the bus has identified the caller
    sdbus::PendingAsyncCall call;  // to polkit, once it has been asked
    bool polkit_was_asked = false;
  };

  [[nodiscard]] std::chrono::milliseconds deadline(const Question& question) const;
  [[nodiscard]] bool sender_has_too_many(const std::string& sender) const;
  [[nodiscard]] bool user_has_too_many(uid_t user) const;
  void start(Number number, Open& open);
  void answer_soon(Number number, Open& open, Result<void> result);
  void caller_found(Number number, Result<CallerFacts> caller);
  Result<void> call_polkit(Number number, Open& open);
  void replied(Number number, const sdbus::Error* error, const PolkitResult& reply);
  void too_late(Number number);
  void sender_gone(const std::string& sender);
  void give_up(Number number, Open& open);
  void finish(Number number, Result<void> result);

  EventLoop& loop_;
  Callers& callers_;
  Limits limits_;
  std::map<Number, Open> open_;
  Number last_ = 0;
  std::unique_ptr<sdbus::IProxy> polkit_;
};

class PolkitAuthority::Pending final : public PendingQuestion {
 public:
  Pending(std::weak_ptr<Questions> questions, Questions::Number number)
      : questions_(std::move(questions)), number_(number) {}
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() override {
    if (const auto questions = questions_.lock()) questions->withdraw(number_);
  }

 private:
  std::weak_ptr<Questions> questions_;
  Questions::Number number_;
};

void PolkitAuthority::Questions::forget_those_who_leave() {
  callers_.on_gone([weak = weak_from_this()](const std::string& sender) {
    if (const auto self = weak.lock()) self->sender_gone(sender);
  });
}

std::chrono::milliseconds PolkitAuthority::Questions::deadline(const Question& question) const {
  return question.interaction == Interaction::kAllowed ? limits_.with_interaction
                                                       : limits_.without_interaction;
}

bool PolkitAuthority::Questions::sender_has_too_many(const std::string& sender) const {
  const auto count = std::ranges::count_if(
      open_, [&](const auto& entry) { return entry.second.question.sender == sender; });
  return static_cast<std::size_t>(count) >= limits_.most_per_sender;
}

bool PolkitAuthority::Questions::user_has_too_many(uid_t user) const {
  const auto count =
      std::ranges::count_if(open_, [&](const auto& entry) { return entry.second.user == user; });
  return static_cast<std::size_t>(count) >= limits_.most_per_user;
}

PolkitAuthority::Questions::Number PolkitAuthority::Questions::add(Question question,
                                                                   Answer answer) {
  const bool too_many = sender_has_too_many(question.sender);
  const Number number = ++last_;
  Open& open = open_[number];
  open.question = std::move(question);
  open.answer = std::move(answer);
  if (too_many)
    answer_soon(number, open,
                fail(Errc::kLimitExceeded, "{}: more than {} questions of one program at once",
                     open.question.action, limits_.most_per_sender));
  else
    start(number, open);
  return number;
}

void PolkitAuthority::Questions::start(Number number, Open& open) {
  auto timer = loop_.after(deadline(open.question), [this, number] { too_late(number); });
  if (!timer) return answer_soon(number, open, std::unexpected(timer.error()));
  open.timer = *std::move(timer);
  callers_.look_up(open.question.sender,
                   [weak = weak_from_this(), number](Result<CallerFacts> caller) {
                     if (const auto self = weak.lock())
                       self->caller_found(number, std::move(caller));
                   });
}

// For results that are known within ask(), whose caller has no handle yet. If even that fails there
// is no memory, and the question stays unanswered until it is withdrawn.
void PolkitAuthority::Questions::answer_soon(Number number, Open& open, Result<void> result) {
  auto timer = loop_.soon(
      [this, number, result = std::move(result)]() mutable { finish(number, std::move(result)); });
  if (timer) open.timer = *std::move(timer);
}

void PolkitAuthority::Questions::caller_found(Number number, Result<CallerFacts> caller) {
  const auto place = open_.find(number);
  if (place == open_.end()) return;
  Open& open = place->second;
  if (!caller)
    return answer_soon(number, open,
                       fail(Errc::kNotPermitted, "{}: the caller is unknown: {}",
                            open.question.action, caller.error().what));
  if (user_has_too_many(caller->user))
    return answer_soon(number, open,
                       fail(Errc::kLimitExceeded, "{}: more than {} questions of one user at once",
                            open.question.action, limits_.most_per_user));
  open.user = caller->user;
  if (auto called = call_polkit(number, open); !called)
    answer_soon(number, open,
                fail(Errc::kNotPermitted, "{}: {}", open.question.action, called.error().what));
}

Result<void> PolkitAuthority::Questions::call_polkit(Number number, Open& open) {
  const Question& question = open.question;
  std::map<std::string, std::string> details;
  for (const auto& [key, value] : question.details) details[key] = clean_detail(value);
  const std::uint32_t flags =
      question.interaction == Interaction::kAllowed ? kAllowUserInteraction : 0;
  return bus_peer::catch_errors("ask polkit", [&] {
    open.call =
        polkit_->callMethodAsync("CheckAuthorization")
            .onInterface(kInterface)
            .withTimeout(deadline(question) + kCallMargin)
            .withArguments(polkit_subject(question.sender), question.action, details, flags,
                           std::to_string(number))
            .uponReplyInvoke([this, number](bus_peer::ReplyError error, const PolkitResult& reply) {
              replied(number, error ? &*error : nullptr, reply);
            });
    open.polkit_was_asked = true;
  });
}

void PolkitAuthority::Questions::replied(Number number, const sdbus::Error* error,
                                         const PolkitResult& reply) {
  const auto place = open_.find(number);
  if (place == open_.end()) return;
  const Question& question = place->second.question;
  if (error == nullptr) return finish(number, polkit_decision(question, reply));
  if (bus_peer::says_nobody_is_there(*error))
    return finish(number, decision_without_polkit(question, *place->second.user));
  finish(number, polkit_failure(question, *error));
}

void PolkitAuthority::Questions::too_late(Number number) {
  const auto place = open_.find(number);
  if (place == open_.end()) return;
  Open& open = place->second;
  const auto seconds = std::chrono::duration<double>(deadline(open.question)).count();
  const auto* silent = open.polkit_was_asked ? "nobody answered" : "the bus did not answer";
  give_up(number, open);
  finish(number, fail(Errc::kNotPermitted, "{}: {} within {:g} seconds", open.question.action,
                      silent, seconds));
}

void PolkitAuthority::Questions::sender_gone(const std::string& sender) {
  std::vector<Number> theirs;
  for (const auto& [number, open] : open_)
    if (open.question.sender == sender) theirs.push_back(number);
  for (const Number number : theirs) {
    const auto place = open_.find(number);
    if (place == open_.end()) continue;  // withdrawn by the answer to another
    give_up(number, place->second);
    finish(number, fail(Errc::kNotPermitted, "{}: the caller has left the bus",
                        place->second.question.action));
  }
}

void PolkitAuthority::Questions::withdraw(Number number) {
  const auto place = open_.find(number);
  if (place == open_.end()) return;  // answered
  give_up(number, place->second);
  open_.erase(place);
}

// Takes the dialog off the screen. Whether polkit heard it no longer matters.
void PolkitAuthority::Questions::give_up(Number number, Open& open) {
  if (!open.polkit_was_asked) return;
  (void)bus_peer::catch_errors("stop asking polkit", [&] {
    open.call.cancel();
    polkit_->callMethodAsync("CancelCheckAuthorization")
        .onInterface(kInterface)
        .withTimeout(limits_.without_interaction)
        .withArguments(std::to_string(number))
        .uponReplyInvoke([](bus_peer::ReplyError) {});
  });
}

void PolkitAuthority::Questions::finish(Number number, Result<void> result) {
  auto taken = open_.extract(number);
  if (!taken.empty()) taken.mapped().answer(std::move(result));
}

PolkitAuthority::PolkitAuthority(std::shared_ptr<Questions> questions)
    : questions_(std::move(questions)) {}
PolkitAuthority::~PolkitAuthority() = default;

Result<std::unique_ptr<PolkitAuthority>> PolkitAuthority::create(EventLoop& loop,
                                                                 sdbus::IConnection& connection,
                                                                 Callers& callers, Limits limits) {
  TRY(auto polkit, bus_peer::make_proxy(connection, kPolkit, kPolkitPath));
  auto questions = std::make_shared<Questions>(loop, callers, limits, std::move(polkit));
  questions->forget_those_who_leave();
  return std::unique_ptr<PolkitAuthority>(new PolkitAuthority(std::move(questions)));
}

std::unique_ptr<PendingQuestion> PolkitAuthority::ask(Question question, Answer answer) {
  const auto number = questions_->add(std::move(question), std::move(answer));
  return std::make_unique<Pending>(questions_, number);
}

}  // namespace airlock
