// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/logind_sessions.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "daemon/bus/bus_peer.h"
#include "daemon/people/logind.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr auto kSession = "org.freedesktop.login1.Session";
constexpr auto kUser = "org.freedesktop.login1.User";
constexpr auto kProperties = "org.freedesktop.DBus.Properties";
constexpr std::chrono::seconds kRetryTime{30};
constexpr std::chrono::milliseconds kOpeningTime{500};

constexpr auto kManagerSignals =
    "type='signal',sender='org.freedesktop.login1',path='/org/freedesktop/login1',"
    "interface='org.freedesktop.login1.Manager'";
constexpr auto kSessionSignals =
    "type='signal',sender='org.freedesktop.login1',"
    "path_namespace='/org/freedesktop/login1/session',"
    "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'";

}  // namespace

Result<std::unique_ptr<LogindSessions>> LogindSessions::create(EventLoop& loop,
                                                               sdbus::IConnection& connection,
                                                               UserFile users) {
  std::unique_ptr<LogindSessions> sessions(new LogindSessions(loop, connection, std::move(users)));
  TRY_VOID(sessions->watch());
  sessions->ask_for_sessions();
  sessions->ask_for_sleep();
  return sessions;
}

// Adds all match rules now, because adding one later would mean waiting for the bus.
Result<void> LogindSessions::watch() {
  TRY(manager_, bus_peer::make_proxy(connection_, logind::kService, logind::kManagerPath));
  TRY_VOID(watch_for(logind::kOwnerChanges, &LogindSessions::owner_changed));
  TRY_VOID(watch_for(kManagerSignals, &LogindSessions::manager_changed));
  return watch_for(kSessionSignals, &LogindSessions::session_changed);
}

Result<void> LogindSessions::watch_for(const std::string& rule,
                                       void (LogindSessions::*hint)(sdbus::Message&)) {
  TRY(auto slot, bus_peer::add_match(connection_, rule, [this, hint](sdbus::Message& signal) {
        (this->*hint)(signal);
      }));
  matches_.push_back(std::move(slot));
  return {};
}

void LogindSessions::owner_changed(sdbus::Message& signal) {
  const std::string sender = signal.getSender();
  if (sender != "org.freedesktop.DBus") return;
  std::string name, before, now;
  signal >> name >> before >> now;
  if (now.empty()) return forget_everything(Presence::kAbsent);
  ask_for_sessions();
  ask_for_sleep();
}

void LogindSessions::manager_changed(sdbus::Message& signal) {
  const std::string member = signal.getMemberName();
  if (member == "PrepareForSleep") ask_for_sleep();
  if (member == "SessionNew" || member == "SessionRemoved") ask_for_sessions();
}

void LogindSessions::session_changed(sdbus::Message& signal) {
  const std::string path = signal.getPath();
  if (sessions_.contains(path)) ask_for_session(path);
}

void LogindSessions::ask_for_sessions() {
  if (asking_for_list_ != Asking::kNo) {
    asking_for_list_ = Asking::kAgain;
    return;
  }
  const auto asked = bus_peer::catch_errors("ask logind for sessions", [this] {
    manager_->callMethodAsync("ListSessions")
        .onInterface(logind::kManager)
        .withTimeout(bus_peer::kAnswerTime)
        .uponReplyInvoke(
            [this](bus_peer::ReplyError error, const std::vector<ListedSession>& sessions) {
              const Asking was = std::exchange(asking_for_list_, Asking::kNo);
              if (error)
                not_listed(*error);
              else
                listed(sessions);
              if (was == Asking::kAgain) ask_for_sessions();
            });
    asking_for_list_ = Asking::kOnce;
  });
  if (!asked) log(LogLevel::kWarning, "{}", asked.error().message());
}

void LogindSessions::listed(const std::vector<ListedSession>& sessions) {
  presence_ = Presence::kThere;
  std::set<std::string> paths;
  for (const ListedSession& session : sessions) paths.insert(std::get<4>(session));
  const bool fewer =
      std::erase_if(sessions_, [&](const auto& known) { return !paths.contains(known.first); }) > 0;
  for (const std::string& path : paths) add_session(path);
  if (fewer) changed();
}

void LogindSessions::not_listed(const sdbus::Error& error) {
  const std::string text = error.getMessage();
  const bool absent = bus_peer::says_nobody_is_there(error);
  log(LogLevel::kWarning, "logind does not report who is logged in: {}", quote(text));
  forget_everything(absent ? Presence::kAbsent : Presence::kSilent);
  // We hear when a logind appears; one that is there but silent must be asked again.
  if (!absent) try_again_later();
}

void LogindSessions::add_session(const std::string& path) {
  if (!sessions_.contains(path)) {
    if (sessions_.size() >= kMostSessions) return;
    auto proxy = bus_peer::make_proxy(connection_, logind::kService, path);
    if (!proxy) return log(LogLevel::kWarning, "{}", proxy.error().message());
    sessions_[path].proxy = *std::move(proxy);
  }
  ask_for_session(path);
}

void LogindSessions::ask_for_session(const std::string& path) {
  Session& session = sessions_.at(path);
  if (session.asking != Asking::kNo) {
    session.asking = Asking::kAgain;
    return;
  }
  const auto asked = bus_peer::catch_errors("ask logind for a session", [&] {
    session.proxy->callMethodAsync("GetAll")
        .onInterface(kProperties)
        .withTimeout(bus_peer::kAnswerTime)
        .withArguments(std::string(kSession))
        .uponReplyInvoke([this, path](bus_peer::ReplyError error, const Properties& properties) {
          // If logind does not describe a session, it is not in use.
          described(path, error ? SessionRecord{} : session_record(properties));
        });
    session.asking = Asking::kOnce;
  });
  if (!asked) log(LogLevel::kWarning, "{}", asked.error().message());
}

// The session exists, because removing it removes its proxy, and with that this answer.
void LogindSessions::described(const std::string& path, SessionRecord record) {
  Session& session = sessions_.at(path);
  // logind announces a new session, but not when it has opened: "State" changes without a signal.
  session.later.reset();
  if (record.state == "opening")
    if (auto timer = loop_.after(kOpeningTime, [this, path] { ask_for_session(path); }))
      session.later = *std::move(timer);
  const bool different = std::exchange(session.record, record) != record;
  if (std::exchange(session.asking, Asking::kNo) == Asking::kAgain) ask_for_session(path);
  if (!different) return;
  ask_for_account(path);
  changed();
}

// Users of sssd, systemd-homed and the like are not in /etc/passwd. logind has already asked the
// name service, so nothing waits for that here.
void LogindSessions::ask_for_account(const std::string& path) {
  Session& session = sessions_.at(path);
  const SessionRecord& record = session.record;
  if (!record.user || session.account_awaited) return;
  if (session.account && session.account->user == *record.user) return;
  session.account.reset();
  if (users_.find(*record.user)) return;
  const auto asked = bus_peer::catch_errors("ask logind for a user", [&] {
    auto proxy = bus_peer::make_proxy(connection_, logind::kService, record.user_path);
    if (!proxy) return log(LogLevel::kWarning, "{}", proxy.error().message());
    session.user_proxy = *std::move(proxy);
    session.user_proxy->callMethodAsync("GetAll")
        .onInterface(kProperties)
        .withTimeout(bus_peer::kAnswerTime)
        .withArguments(std::string(kUser))
        .uponReplyInvoke([this, path, user = *record.user](bus_peer::ReplyError error,
                                                           const Properties& properties) {
          account_told(path, error ? UserEntry{.user = user} : account_of(user, properties));
        });
    session.account_awaited = true;
  });
  if (!asked) log(LogLevel::kWarning, "{}", asked.error().message());
}

void LogindSessions::account_told(const std::string& path, UserEntry account) {
  Session& session = sessions_.at(path);
  session.account_awaited = false;
  session.account = std::move(account);
  // The session may belong to another user by now.
  ask_for_account(path);
  changed();
}

void LogindSessions::ask_for_sleep() {
  if (asking_for_sleep_ != Asking::kNo) {
    asking_for_sleep_ = Asking::kAgain;
    return;
  }
  const auto asked = bus_peer::catch_errors("ask logind about sleep", [this] {
    manager_->callMethodAsync("Get")
        .onInterface(kProperties)
        .withTimeout(bus_peer::kAnswerTime)
        .withArguments(std::string(logind::kManager), std::string("PreparingForSleep"))
        .uponReplyInvoke([this](bus_peer::ReplyError error, const sdbus::Variant& value) {
          const Asking was = std::exchange(asking_for_sleep_, Asking::kNo);
          const auto sleeping =
              error ? std::nullopt
                    : bus_peer::property<bool>(Properties{{"PreparingForSleep", value}},
                                               "PreparingForSleep");
          // An invalid answer changes nothing: a machine that sleeps says so.
          if (sleeping) set_sleeping(*sleeping);
          if (was == Asking::kAgain) ask_for_sleep();
        });
    asking_for_sleep_ = Asking::kOnce;
  });
  if (!asked) log(LogLevel::kWarning, "{}", asked.error().message());
}

void LogindSessions::set_sleeping(bool sleeping) {
  if (std::exchange(sleeping_, sleeping) == sleeping) return;
  changed();
  if (on_sleep_) on_sleep_(sleeping);
}

void LogindSessions::forget_everything(Presence presence) {
  const bool had_any = !std::exchange(sessions_, {}).empty();
  const bool different = std::exchange(presence_, presence) != presence;
  set_sleeping(false);
  if (had_any || different) changed();
}

void LogindSessions::try_again_later() {
  auto timer = loop_.after(kRetryTime, [this] { ask_for_sessions(); });
  if (timer) retry_ = *std::move(timer);
}

void LogindSessions::changed() {
  for (auto& callback : callbacks_) callback();
}

void LogindSessions::on_change(std::move_only_function<void()> callback) {
  callbacks_.push_back(std::move(callback));
}

const SessionRecord* LogindSessions::find(const std::string& seat) const {
  for (const auto& [path, session] : sessions_)
    if (session.in_use() && session.record.seat == seat) return &session.record;
  return nullptr;
}

SessionFacts LogindSessions::at_seat(const std::string& seat) const {
  const SessionRecord* record = find(seat);
  if (record == nullptr) return {};
  const UserEntry user = account(*record->user);
  return {.user = user.user,
          .group = user.group,
          .user_name = user.name,
          .active = true,
          .locked = record->locked || sleeping_};
}

bool LogindSessions::is_active(uid_t user, std::string* seat) const {
  for (const auto& [path, session] : sessions_) {
    if (!session.in_use() || session.record.user != user) continue;
    if (seat != nullptr) *seat = session.record.seat;
    return true;
  }
  return false;
}

UserEntry LogindSessions::account(uid_t user) const {
  if (auto entry = users_.find(user)) return *std::move(entry);
  for (const auto& [path, session] : sessions_)
    if (session.account && session.account->user == user) return *session.account;
  return {.user = user};
}

std::string LogindSessions::describe() const {
  switch (presence_) {
    case Presence::kNotAsked:
      return "logind has not answered yet, so nobody counts as logged in";
    case Presence::kAbsent:
      return "logind is not running, so nobody counts as logged in and new media wait";
    case Presence::kSilent:
      return "logind does not answer, so nobody counts as logged in and new media wait";
    case Presence::kThere:
      break;
  }
  const auto in_use =
      std::ranges::count_if(sessions_, [](const auto& known) { return known.second.in_use(); });
  return fmt::format("logind knows {} sessions, {} of them in use{}", sessions_.size(), in_use,
                     sleeping_ ? "; the machine is going to sleep" : "");
}

}  // namespace airlock
