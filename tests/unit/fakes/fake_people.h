// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/people/authority.h"
#include "daemon/people/callers.h"
#include "daemon/people/sessions.h"

namespace airlock {

// Sessions set by the test. Every change is reported.
class FakeSessions final : public Sessions {
 public:
  void log_in(uid_t user, const std::string& name, const std::string& seat = "seat0") {
    seats_[seat] = {.user = user, .group = user, .user_name = name, .active = true};
    tell();
  }
  void log_out(const std::string& seat = "seat0") {
    seats_.erase(seat);
    tell();
  }
  void lock(bool locked, const std::string& seat = "seat0") {
    seats_[seat].locked = locked;
    tell();
  }

  [[nodiscard]] SessionFacts at_seat(const std::string& seat) const override {
    const auto found = seats_.find(seat);
    return found == seats_.end() ? SessionFacts{} : found->second;
  }
  [[nodiscard]] bool is_active(uid_t user, std::string* seat) const override {
    for (const auto& [name, session] : seats_) {
      if (!session.active || session.user != user) continue;
      if (seat != nullptr) *seat = name;
      return true;
    }
    return false;
  }
  [[nodiscard]] UserEntry account(uid_t user) const override {
    for (const auto& [name, session] : seats_)
      if (session.user == user)
        return {.user = user, .group = session.group, .name = session.user_name};
    return {.user = user};
  }
  void on_change(std::move_only_function<void()> callback) override {
    callback_ = std::move(callback);
  }

 private:
  void tell() {
    if (callback_) callback_();
  }

  std::map<std::string, SessionFacts> seats_;
  std::move_only_function<void()> callback_;
};

// Programs on a bus. Their names are ":USER.NUMBER", which identifies the user.
class FakeCallers final : public Callers {
 public:
  void name_user(uid_t user, const std::string& name) { names_[user] = name; }
  // Look-ups wait until answer_all().
  void answer_later() { hold_ = true; }
  void answer_all() {
    hold_ = false;
    for (auto& [sender, found] : std::exchange(waiting_, {})) look_up(sender, std::move(found));
  }
  void leave(const std::string& sender) {
    left_.push_back(sender);
    if (gone_) gone_(sender);
  }

  void look_up(const std::string& sender, Found found) override {
    if (hold_) return waiting_.emplace_back(sender, std::move(found)), void();
    if (std::ranges::find(left_, sender) != left_.end())
      return found(fail(Errc::kPeerGone, "{} left", sender));
    const auto user = static_cast<uid_t>(std::stoul(sender.substr(1)));
    found(CallerFacts{.user = user, .group = user, .name = names_[user]});
  }
  void on_gone(std::move_only_function<void(const std::string& sender)> callback) override {
    gone_ = std::move(callback);
  }

 private:
  std::map<uid_t, std::string> names_;
  bool hold_ = false;
  std::vector<std::pair<std::string, Found>> waiting_;
  std::vector<std::string> left_;
  std::move_only_function<void(const std::string&)> gone_;
};

// A polkit that says yes, unless the test sets another answer for an action.
class FakeAuthority final : public Authority {
 public:
  enum class Says { kYes, kNo, kNothingYet };

  void set(const std::string& action, Says says) { says_[action] = says; }
  [[nodiscard]] const std::vector<Question>& asked() const { return asked_; }
  [[nodiscard]] bool was_asked(const std::string& action) const {
    return std::ranges::any_of(asked_, [&](const Question& q) { return q.action == action; });
  }
  // Questions neither answered nor withdrawn.
  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] std::size_t withdrawn() const { return withdrawn_; }
  // Answers the oldest open question.
  void answer(bool yes) {
    auto answer = std::move(open_.begin()->second);
    open_.erase(open_.begin());
    answer(yes ? Result<void>{} : fail(Errc::kNotPermitted, "dismissed"));
  }

  std::unique_ptr<PendingQuestion> ask(Question question, Answer answer) override {
    const std::string action = question.action;
    asked_.push_back(std::move(question));
    const auto known = says_.find(action);
    const Says says = known == says_.end() ? Says::kYes : known->second;
    const std::uint64_t number = ++last_;
    if (says == Says::kNothingYet)
      open_.emplace(number, std::move(answer));
    else if (says == Says::kYes)
      answer({});
    else
      answer(fail(Errc::kNotPermitted, "polkit says no"));
    return std::make_unique<Pending>(*this, number);
  }

 private:
  struct Pending final : PendingQuestion {
    Pending(FakeAuthority& fake, std::uint64_t id) : fake_(fake), id_(id) {}
    ~Pending() override { fake_.withdrawn_ += fake_.open_.erase(id_); }
    FakeAuthority& fake_;
    std::uint64_t id_;
  };

  std::map<std::string, Says> says_;
  std::vector<Question> asked_;
  std::map<std::uint64_t, Answer> open_;
  std::size_t withdrawn_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace airlock
