// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/handover/handover_desk.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "daemon/handover/keeper.h"
#include "daemon/loop/errand.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {

// Our end of one keeper, which ends with the last file that it keeps for us.
struct HandoverDesk::Keeper {
  UniqueFd control;
  std::string socket;
  std::move_only_function<void(Result<ErrandReport>)> ended;  // while its handover is open
  std::optional<Errand> errand;

  ~Keeper() { (void)::unlink(socket.c_str()); }
};

class HandoverDesk::KeptFile final : public HeldFile {
 public:
  KeptFile(std::shared_ptr<Keeper> keeper, std::uint8_t index, const FileFacts& facts, uid_t lender)
      : HeldFile(facts, lender), keeper_(std::move(keeper)), index_(index) {}

  [[nodiscard]] BorrowedFd keeper() const override { return keeper_->control.borrow(); }
  [[nodiscard]] Result<UniqueFd> take() const override {
    return keeper::ask(keeper_->control.borrow(), index_);
  }

 private:
  std::shared_ptr<Keeper> keeper_;
  std::uint8_t index_;
};

// From the call that asks for a socket to the call that takes what was sent there.
class HandoverDesk::Handover {
 public:
  Handover(HandoverDesk& desk, std::string socket, std::string sender, uid_t user, Prepared done)
      : desk_(desk), sender_(std::move(sender)), user_(user), prepared_(std::move(done)) {
    keeper_->socket = std::move(socket);
  }

  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  ~Handover() { keeper_->ended = {}; }

  [[nodiscard]] const std::string& sender() const { return sender_; }
  [[nodiscard]] uid_t user() const { return user_; }

  Result<void> start() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return fail_errno(errno, Errc::kSystem, "make a socket pair");
    keeper_->control = UniqueFd(ends[0]);
    auto theirs = std::make_shared<UniqueFd>(ends[1]);
    TRY(auto errand, Errand::start(
                         desk_.loop_, "keep files",
                         {.deadline = ErrandOptions::kNone, .lender = user_}, {theirs->borrow()},
                         [path = keeper_->socket, user = user_, theirs] {
                           return keeper::run(path, user, std::move(*theirs));
                         },
                         [keeper = keeper_.get()](Result<ErrandReport> end) {
                           if (auto told = std::exchange(keeper->ended, {})) told(std::move(end));
                         }));
    keeper_->errand = std::move(errand);
    keeper_->ended = [this](const Result<ErrandReport>& end) {
      settle(end ? fail(Errc::kWorkerDied, "the process that keeps the files ended")
                 : std::unexpected(end.error()));
    };
    TRY(on_news_, desk_.loop_.watch(keeper_->control.borrow(), EPOLLIN,
                                    [this](std::uint32_t) { read_news(); }));
    TRY(on_deadline_, desk_.loop_.after(desk_.options_.unclaimed, [this] { end(); }));
    return {};
  }

  [[nodiscard]] bool is_awaited() const { return taken_ != nullptr; }
  void take(Taken done) {
    taken_ = std::move(done);
    // A known outcome is answered in the next round.
    const auto wait = outcome_ ? std::chrono::milliseconds(0) : desk_.options_.answer;
    (void)on_deadline_.set_time(std::chrono::steady_clock::now() + wait);
  }

  // Keeps the outcome until somebody asks, so that a failure is reported with its own reason.
  void settle(Result<void> outcome) {
    on_news_.reset();
    keeper_->ended = {};
    outcome_ = std::move(outcome);
    if (taken_ || prepared_) end();
  }

 private:
  void read_news() {
    auto packet = take_passed(keeper_->control.borrow(), sizeof(keeper::News) + 1);
    if (!packet && packet.error().cause.value() == EAGAIN) return;
    if (!packet) return on_news_.reset();  // the end of the errand tells why
    const auto news = keeper::read_news(*packet);
    if (!news) return settle(std::unexpected(news.error()));
    switch (news->kind) {
      case keeper::News::Kind::kListening:
        if (auto prepared = std::exchange(prepared_, {})) prepared(keeper_->socket);
        return;
      case keeper::News::Kind::kFile:
        return add(news->facts, std::move(packet->descriptors));
      case keeper::News::Kind::kComplete:
        return settle({});
    }
  }

  // Ends this object too.
  void end() {
    on_news_.reset();
    on_deadline_.reset();
    const auto self = desk_.open_.extract(keeper_->socket);
    if (!outcome_)
      outcome_ = fail(Errc::kTimedOut,
                      "the descriptors did not arrive in time, or the filesystem the file is on "
                      "does not answer");
    if (prepared_) return prepared_(std::unexpected(outcome_->error()));
    if (!taken_) return;
    if (*outcome_) return taken_(std::move(files_));
    taken_(std::unexpected(outcome_->error()));
  }

  void add(const FileFacts& facts, std::vector<UniqueFd> own) {
    const auto index = static_cast<std::uint8_t>(files_.size());
    if (files_.size() == kMostFiles) return;
    files_.push_back({.file = std::make_shared<KeptFile>(keeper_, index, facts, user_),
                      .own = own.empty() ? UniqueFd() : std::move(own.front())});
  }

  HandoverDesk& desk_;
  std::string sender_;
  uid_t user_;
  Prepared prepared_;
  Taken taken_;
  std::shared_ptr<Keeper> keeper_ = std::make_shared<Keeper>();
  std::vector<HandedFile> files_;
  std::optional<Result<void>> outcome_;
  EventSource on_news_;
  EventSource on_deadline_;
};

Result<std::unique_ptr<HandoverDesk>> HandoverDesk::open(EventLoop& loop, Options options) {
  std::error_code failed;
  std::filesystem::remove_all(options.directory, failed);
  if (::mkdir(options.directory.c_str(), 0755) != 0 && errno != EEXIST)
    return fail_errno(errno, Errc::kSystem, "make the folder {}", quote(options.directory));
  return std::unique_ptr<HandoverDesk>(new HandoverDesk(loop, std::move(options)));
}

HandoverDesk::HandoverDesk(EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {}

HandoverDesk::~HandoverDesk() = default;

Result<void> HandoverDesk::require_room(uid_t user) const {
  const auto of_user =
      std::ranges::count_if(open_, [user](const auto& one) { return one.second->user() == user; });
  if (user == 0 || std::cmp_less(of_user, options_.most_of_one_user)) return {};
  return fail(Errc::kLimitExceeded, "{} of your handovers are waiting for descriptors already",
              of_user);
}

template <typename Answer, typename Value>
void HandoverDesk::answer_soon(Answer answer, Value value) {
  const std::uint64_t number = ++last_;
  auto later =
      loop_.soon([this, number, answer = std::move(answer), value = std::move(value)]() mutable {
        const auto self = answers_.extract(number);
        answer(std::move(value));
      });
  if (later)
    answers_.emplace(number, *std::move(later));
  else
    log(LogLevel::kError, "a caller gets no answer: {}", later.error().message());
}

void HandoverDesk::prepare(const std::string& sender, uid_t user, Prepared done) {
  if (auto room = require_room(user); !room)
    return answer_soon(std::move(done), Result<std::string>(std::unexpected(room.error())));
  const std::string socket = options_.directory + "/" + std::to_string(++last_);
  const auto [entry, added] = open_.emplace(
      socket, std::make_unique<Handover>(*this, socket, sender, user, std::move(done)));
  if (auto started = entry->second->start(); !started) {
    answer_soon(
        [this, socket](Result<void> why) {
          if (const auto found = open_.find(socket); found != open_.end())
            found->second->settle(std::move(why));
        },
        std::move(started));
  }
}

void HandoverDesk::take(const std::string& sender, const std::string& socket, Taken done) {
  const auto found = open_.find(socket);
  const bool theirs = found != open_.end() && found->second->sender() == sender;
  if (theirs && !found->second->is_awaited()) return found->second->take(std::move(done));
  answer_soon(std::move(done),
              Result<std::vector<HandedFile>>(
                  fail(Errc::kInvalidArgument, "{} is not a socket that this caller can use now",
                       quote(socket))));
}

void HandoverDesk::caller_gone(const std::string& sender) {
  std::erase_if(open_, [&](const auto& one) { return one.second->sender() == sender; });
}

}  // namespace airlock
