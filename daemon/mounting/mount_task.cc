// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/mount_task.h"

#include <sys/epoll.h>

#include <utility>
#include <vector>

#include "daemon/mounting/heal_errand.h"
#include "daemon/mounting/mount_report.h"
#include "daemon/mounting/unmount_errand.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/check_record.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// For finding the medium, making the place and starting the driver, which come before its session.
constexpr auto kPreparation = 10s;

}  // namespace

MountTask::MountTask(MountingTools& tools, MountingTasks& tasks, const MountSource& source,
                     const MountDecision& decision, std::move_only_function<void(double)> checked,
                     Mounting::Done<LiveMount> done)
    : tools_(tools),
      tasks_(tasks),
      work_{.source = source,
            .decision = decision,
            .places = tools.options.places,
            .base = tools.options.base,
            .deadlines = tools.options.session,
            .checkers = tools.options.checkers,
            .check_deadline = tools.options.check},
      checked_(std::move(checked)),
      done_(std::move(done)) {}

void MountTask::start() {
  auto pair = Channel::make_pair();
  if (!pair) {
    failure_ = std::move(pair).error();
    return set_timer(0ms, &MountTask::finish);
  }
  news_.emplace(Channel(std::move(pair->first)));
  on_news(&MountTask::read_progress);
  // Close our copy of the errand's end once the errand has its own; otherwise we would never see it
  // close.
  auto theirs = std::make_shared<UniqueFd>(std::move(pair->second));
  std::vector<BorrowedFd> keep = {theirs->borrow()};
  if (work_.source.image) keep.push_back(work_.source.image->keeper());
  if (work_.decision.place) keep.push_back(work_.decision.place->keeper());
  // Allows for two hellos, because a service may not answer.
  auto deadline =
      work_.deadlines.connect + work_.deadlines.hello + work_.deadlines.whole + kPreparation;
  if (work_.decision.check != CheckFirst::kNo) deadline += work_.check_deadline;
  errand_ = tools_.mounting.run(
      "mount " + quote(work_.source.path),
      {.deadline = deadline,
       .lender = lender_of(work_.decision.place ? work_.decision.place : work_.source.image)},
      keep,
      [work = work_, theirs] {
        Channel news(std::move(*theirs));
        return do_mount(work, news);
      },
      [this](Result<ErrandReport> report) { mounted(std::move(report)); });
}

void MountTask::read_progress() {
  const auto before = news_->checked();
  news_->read();
  if (news_->errand_ended()) return on_news_.reset();
  if (checked_ && news_->checked() && news_->checked() != before)
    checked_(static_cast<double>(*news_->checked()) / kWholeProgress);
}

void MountTask::skip_check() {
  if (news_ && done_ && !failure_) news_->skip_check();
}

void MountTask::mounted(Result<ErrandReport> report) {
  on_news_.reset();
  news_->read();
  auto live =
      report ? unpack_live_mount(std::move(*report)) : std::unexpected(std::move(report).error());
  if (!live) return give_up(std::move(live).error());
  errand_.reset();
  if (live->lifeline.holds()) {
    auto plan = std::make_shared<HealPlan>(HealPlan{.source = work_.source,
                                                    .decision = work_.decision,
                                                    .places = work_.places,
                                                    .deadlines = work_.deadlines});
    plan->decision.place.reset();
    live->heal_plan = std::move(plan);
  }
  prove(std::move(*live));
}

// A mount that can't be used does not count: its driver may not even have understood the kernel's
// INIT.
void MountTask::prove(LiveMount live) {
  live_ = std::move(live);
  // Nobody goes on for a driver that dies now, and nobody may wait for that.
  driver_ = tools_.drivers.of(*live_);
  if (driver_)
    driver_end_ = driver_->on_end([this](const DriverEnd&) {
      if (live_) live_->lifeline = {};
    });
  const MountIdentity mount = {.mount_point = live_->mount_point,
                               .mount_id = live_->mount_id,
                               .filesystem = live_->filesystem};
  errand_ = tools_.probing.run(
      "ask a new driver", {.deadline = tools_.options.silence}, {},
      [mount] { return do_probe(mount); },
      [this](Result<ErrandReport> answer) {
        errand_.reset();
        if (answer && answer->bytes.empty()) return succeed();
        auto none = fail(Errc::kWorkerDied, "the mount of {} is gone", quote(work_.source.path));
        Error why = answer ? std::move(none).error() : answer.error();
        if (why.code == Errc::kTimedOut) why.what = "the driver does not answer";
        give_up(std::move(why));
      });
}

void MountTask::succeed() {
  if (done_) std::exchange(done_, {})(std::move(*live_));
  tasks_.remove(this);
}

void MountTask::cancel() {
  if (!done_) return;  // answered
  done_ = {};
  checked_ = {};
  if (failure_) return;  // cleaning already
  auto cancelled = fail(Errc::kTimedOut, "the mount is no longer wanted");
  give_up(std::move(cancelled).error());
}

// From here on the task only undoes things.
void MountTask::give_up(Error why) {
  failure_ = std::move(why);
  on_news_.reset();
  await_place();
}

// A folder that was made but not reported could never be found again, so an errand that is about to
// make one may first report it. That takes no time: nothing before it involves a driver.
void MountTask::await_place() {
  news_->read();
  const bool nothing_begun = !errand_ || !errand_->started();
  if (nothing_begun || news_->errand_ended() || !news_->place().empty()) return await_errand();
  set_timer(kPreparation, &MountTask::await_errand);
  on_news(&MountTask::await_place);
}

// A killed errand may still finish its current system call, for instance move_mount().
void MountTask::await_errand() {
  on_news_.reset();
  const bool started = errand_ && errand_->started();
  errand_.reset();
  news_->read();
  if (!started || live_ || news_->errand_ended()) return end_driver();
  set_timer(kPreparation, &MountTask::end_driver);
  on_news(&MountTask::await_errand_end);
}

void MountTask::await_errand_end() {
  news_->read();
  if (news_->errand_ended()) end_driver();
}

void MountTask::end_driver() {
  on_news_.reset();
  timer_.reset();
  driver_ = live_ ? tools_.drivers.of(*live_)
                  : tools_.drivers.of(news_->driver(), news_->driver_life(), BorrowedFd{-1});
  if (driver_) driver_->kill();
  clean();
}

void MountTask::clean() {
  const std::string place = live_ ? live_->mount_point : news_->place();
  if (place.empty()) return await_driver();
  errand_ = tools_.small.run(
      "clean up after " + quote(work_.source.path), {.deadline = kPreparation}, {},
      [base = work_.base, place] { return undo_mount(base, place); },
      [this](Result<ErrandReport> cleaned) {
        errand_.reset();
        if (!cleaned)
          log(LogLevel::kError, "cleaning up after a mount: {}", cleaned.error().message());
        await_driver();
      });
}

void MountTask::await_driver() {
  if (!driver_ || driver_->ended()) return finish();
  set_timer(tools_.options.last_wait, &MountTask::finish);
  driver_end_ = driver_->on_end([this](const DriverEnd&) { finish(); });
}

void MountTask::finish() {
  if (done_) std::exchange(done_, {})(std::unexpected(std::move(*failure_)));
  tasks_.remove(this);
}

void MountTask::set_timer(std::chrono::milliseconds time, void (MountTask::*then)()) {
  auto timer = tools_.loop.after(time, [this, then] { (this->*then)(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no timer: {}", timer.error().message());
}

void MountTask::on_news(void (MountTask::*then)()) {
  if (on_news_.active()) return;
  auto news =
      tools_.loop.watch(news_->descriptor(), EPOLLIN, [this, then](auto) { (this->*then)(); });
  if (news)
    on_news_ = std::move(*news);
  else
    log(LogLevel::kError, "no news: {}", news.error().message());
}

}  // namespace airlock
