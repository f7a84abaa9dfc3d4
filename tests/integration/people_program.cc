// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's people/ on a real bus, for test_people.py: one command per line of standard input,
// one line of standard output per answer or event. Fields of answers are separated by tabs.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "daemon/bus/bus_source.h"
#include "daemon/loop/event_loop.h"
#include "daemon/people/bus_callers.h"
#include "daemon/people/logind_sessions.h"
#include "daemon/people/polkit_authority.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

template <typename T>
T expect(Result<T> result) {
  if (result) return *std::move(result);
  std::cerr << result.error().message() << "\n";
  std::exit(1);
}

std::string outcome(const Result<void>& result) {
  if (result) return "yes";
  return std::string(error_name(result.error().code)) + "\t" + result.error().what;
}

class Program {
 public:
  Program(EventLoop& loop, sdbus::IConnection& bus, const std::string& passwd,
          PolkitAuthority::Limits limits)
      : loop_(loop),
        sessions_(expect(LogindSessions::create(loop, bus, UserFile(passwd)))),
        callers_(expect(BusCallers::create(bus, *sessions_))),
        authority_(expect(PolkitAuthority::create(loop, bus, *callers_, limits))) {
    sessions_->on_change([this] { say("changed"); });
    callers_->on_gone([this](const std::string& sender) { say("gone\t" + sender); });
    input_ = expect(loop.watch(BorrowedFd(STDIN_FILENO), EPOLLIN | EPOLLHUP,
                               [this](std::uint32_t) { read_input(); }));
  }

 private:
  static void say(const std::string& line) { std::cout << line << std::endl; }

  void read_input() {
    std::array<char, 4096> piece{};
    const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count <= 0) return loop_.stop(0);
    pending_.append(piece.data(), static_cast<std::size_t>(count));
    for (std::size_t end = 0; (end = pending_.find('\n')) != std::string::npos;) {
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      obey(line);
    }
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "ping") say("pong");
    if (verb == "ask") ask(words);
    if (verb == "withdraw") withdraw(words);
    if (verb == "who") who(words);
    if (verb == "seat") seat(words);
    if (verb == "active") active(words);
    if (verb == "describe") say("describe\t" + sessions_->describe());
  }

  // ask NAME SENDER ACTION interactive|silent key=value...
  void ask(std::istringstream& words) {
    std::string name, interaction, detail;
    Authority::Question question;
    words >> name >> question.sender >> question.action >> interaction;
    if (interaction == "interactive") question.interaction = Interaction::kAllowed;
    while (words >> detail)
      question.details[detail.substr(0, detail.find('='))] = detail.substr(detail.find('=') + 1);
    // An answer within ask() would come before the question can be withdrawn.
    const auto asking = std::make_shared<bool>(true);
    pending_questions_[name] =
        authority_->ask(std::move(question), [asking, name](const Result<void>& result) {
          say((*asking ? "early\t" : "answer\t") + name + "\t" + outcome(result));
        });
    *asking = false;
  }

  void withdraw(std::istringstream& words) {
    std::string name;
    words >> name;
    pending_questions_.erase(name);
    say("withdrawn\t" + name);
  }

  void who(std::istringstream& words) {
    std::string sender;
    words >> sender;
    callers_->look_up(sender, [sender](Result<CallerFacts> found) {
      if (!found) return say("who\t" + sender + "\t" + std::string(error_name(found.error().code)));
      say(fmt::format("who\t{}\t{}\t{}\t{}\t{}\t{}", sender, found->user, found->group, found->name,
                      found->in_active_session, found->seat));
    });
  }

  void seat(std::istringstream& words) {
    std::string name;
    words >> name;
    const SessionFacts facts = sessions_->at_seat(name);
    say(fmt::format("seat\t{}\t{}\t{}\t{}\t{}\t{}", name, facts.active, facts.user, facts.group,
                    facts.user_name, facts.locked ? "locked" : "open"));
  }

  void active(std::istringstream& words) {
    uid_t user = 0;
    std::string seat;
    words >> user;
    const bool is_active = sessions_->is_active(user, &seat);
    say(fmt::format("active\t{}\t{}\t{}", user, is_active, seat));
  }

  EventLoop& loop_;
  std::unique_ptr<LogindSessions> sessions_;
  std::unique_ptr<BusCallers> callers_;
  std::unique_ptr<PolkitAuthority> authority_;
  std::map<std::string, std::unique_ptr<PendingQuestion>> pending_questions_;
  std::string pending_;
  EventSource input_;
};

}  // namespace
}  // namespace airlock

// people_program PASSWD SECONDS_WITH_INTERACTION SECONDS_WITHOUT
int main(int argc, char** argv) {
  using namespace airlock;
  if (argc != 4) return 2;
  log_open("people_program", LogLevel::kDebug);
  const auto seconds = [&](int i) {
    return std::chrono::milliseconds(static_cast<long>(std::atof(argv[i]) * 1000));
  };
  auto loop = expect(EventLoop::create());
  auto bus = expect(BusSource::open(loop, [](const Error& error) {
    std::cerr << error.message() << "\n";
    std::exit(3);
  }));
  Program program(loop, bus->connection(), argv[1],
                  {.with_interaction = seconds(2), .without_interaction = seconds(3)});
  std::cout << "ready" << std::endl;
  return expect(loop.run());
}
