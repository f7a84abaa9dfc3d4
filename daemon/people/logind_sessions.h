// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "daemon/people/session_record.h"
#include "daemon/people/sessions.h"
#include "daemon/people/user_file.h"
#include "lib/base/error.h"

namespace airlock {

// The sessions of org.freedesktop.login1. Signals only serve as hints, after which we ask logind
// itself: anybody may send us a signal that looks like logind's, but nobody else can answer our
// call. Until logind has answered, and without a logind, there are no sessions, so everything that
// needs one waits. Must not be destroyed from its own callback.
class LogindSessions final : public Sessions {
 public:
  static constexpr std::size_t kMostSessions = 512;

  // For the start of the program: waits for the bus a few times, never for logind. At first it
  // knows no sessions; on_change reports them. `loop` and `connection` must outlive it.
  static Result<std::unique_ptr<LogindSessions>> create(EventLoop& loop,
                                                        sdbus::IConnection& connection,
                                                        UserFile users);

  [[nodiscard]] SessionFacts at_seat(const std::string& seat) const override;
  [[nodiscard]] bool is_active(uid_t user, std::string* seat) const override;
  [[nodiscard]] UserEntry account(uid_t user) const override;
  // May be used more than once; every callback is called.
  void on_change(std::move_only_function<void()> callback) override;
  // Called with true when the machine is about to sleep, and with false when it is awake again.
  void on_sleep(std::move_only_function<void(bool)> callback) { on_sleep_ = std::move(callback); }

  // One sentence for people: "logind knows 2 sessions, 1 of them in use", or why there are none.
  [[nodiscard]] std::string describe() const;

 private:
  enum class Presence { kNotAsked, kThere, kAbsent, kSilent };
  // The state of a question to logind: at most one is under way, and a hint that arrives meanwhile
  // repeats it.
  enum class Asking { kNo, kOnce, kAgain };

  struct Session {
    std::unique_ptr<sdbus::IProxy> proxy;
    SessionRecord record;
    Asking asking = Asking::kNo;
    EventSource later;  // while it is opening
    // For a user whom /etc/passwd does not name. The session does not count until logind has named
    // the user; before that, its media would get another folder.
    std::unique_ptr<sdbus::IProxy> user_proxy;
    std::optional<UserEntry> account;
    bool account_awaited = false;

    [[nodiscard]] bool in_use() const { return record.in_use() && !account_awaited; }
  };
  using Properties = std::map<std::string, sdbus::Variant>;
  using ListedSession =
      sdbus::Struct<std::string, std::uint32_t, std::string, std::string, sdbus::ObjectPath>;

  LogindSessions(EventLoop& loop, sdbus::IConnection& connection, UserFile users)
      : loop_(loop), connection_(connection), users_(std::move(users)) {}
  Result<void> watch();
  Result<void> watch_for(const std::string& rule, void (LogindSessions::*hint)(sdbus::Message&));
  void owner_changed(sdbus::Message& signal);
  void manager_changed(sdbus::Message& signal);
  void session_changed(sdbus::Message& signal);

  void ask_for_sessions();
  void listed(const std::vector<ListedSession>& sessions);
  void not_listed(const sdbus::Error& error);
  void add_session(const std::string& path);
  void ask_for_session(const std::string& path);
  void described(const std::string& path, SessionRecord record);
  void ask_for_account(const std::string& path);
  void account_told(const std::string& path, UserEntry account);
  void ask_for_sleep();
  void set_sleeping(bool sleeping);
  void forget_everything(Presence presence);
  void try_again_later();
  void changed();

  [[nodiscard]] const SessionRecord* find(const std::string& seat) const;

  EventLoop& loop_;
  sdbus::IConnection& connection_;
  UserFile users_;
  Presence presence_ = Presence::kNotAsked;
  bool sleeping_ = false;
  Asking asking_for_list_ = Asking::kNo;
  Asking asking_for_sleep_ = Asking::kNo;
  std::map<std::string, Session> sessions_;  // by object path
  std::vector<std::move_only_function<void()>> callbacks_;
  std::move_only_function<void(bool)> on_sleep_;
  EventSource retry_;
  std::unique_ptr<sdbus::IProxy> manager_;
  std::vector<sdbus::Slot> matches_;
};

}  // namespace airlock
