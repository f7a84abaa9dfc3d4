// SPDX-License-Identifier: GPL-2.0-or-later
// Checks, repairs and labels a volume that is not mounted.
#include <utility>

#include "daemon/volumes/journal.h"
#include "daemon/volumes/machine.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

std::string_view word_for(CheckOperation operation) {
  switch (operation) {
    case CheckOperation::kFormat:
      return "format";
    case CheckOperation::kLabel:
      return "set-label";
    case CheckOperation::kRepair:
      return "repair";
    default:
      return "check";
  }
}

MediumState state_after(CheckVerdict verdict, MediumState before) {
  // A hibernated system stays, whatever a checker says about its filesystem.
  if (before == MediumState::kHibernated) return before;
  switch (verdict) {
    case CheckVerdict::kClean:
      return MediumState::kClean;
    case CheckVerdict::kDirty:
    case CheckVerdict::kNeedsReplay:
      return MediumState::kDirty;
    case CheckVerdict::kErrors:
    case CheckVerdict::kUncorrectable:
      return MediumState::kErrors;
    default:
      return before;
  }
}

// What was known of the medium before is no longer true, unless nothing was done to it.
std::string reason_after_format(const Result<CheckReply>& reply, std::string before) {
  if (reply && reply->verdict == CheckVerdict::kClean) return "formatted";
  if (reply) return "formatting it failed: " + reply->summary;
  const Errc code = reply.error().code;
  if (code == Errc::kUnsupported || code == Errc::kBusy) return before;
  return "formatting it failed: " + reply.error().message();
}

const char* not_said(MediumState state) {
  switch (state) {
    case MediumState::kDirty:
      return "it was not unmounted";
    case MediumState::kHibernated:
      return "it holds a hibernated system";
    default:
      return nullptr;
  }
}

}  // namespace

std::string_view VolumeMachine::being(CheckOperation operation) {
  switch (operation) {
    case CheckOperation::kFormat:
      return "being formatted";
    case CheckOperation::kErase:
      return "being erased";
    case CheckOperation::kLabel:
      return "being labelled";
    case CheckOperation::kRepair:
      return "being repaired";
    default:
      return "being checked";
  }
}

bool VolumeMachine::can_check() const {
  return can_format() && volume_.probe;
}

bool VolumeMachine::can_format() const {
  return !busy() && !volume_.mount &&
         (volume_.state == VolumeState::kAvailable || volume_.state == VolumeState::kRefused);
}

void VolumeMachine::check(CheckRequest request, uid_t started_by, Done<CheckReply> done) {
  const bool formats = request.operation == CheckOperation::kFormat;
  if (!(formats ? can_format() : can_check()))
    return done(std::unexpected(why_not(word_for(request.operation))));
  if (!formats) request.type = volume_.probe->type;
  check_waiters_.add(std::move(done));
  start_job(std::string(word_for(request.operation)), started_by);
  checking_ = request.operation;
  reason_before_check_ = volume_.state_reason;
  const CheckOperation operation = request.operation;
  working_ = tools_.checking.check(
      volume_.source, request, [this](double share) { job_.set_progress(share); },
      [this, operation](Result<CheckReply> reply) { checked(operation, std::move(reply)); });
  become(volume_.state, std::string(being(operation)));
}

void VolumeMachine::checked(CheckOperation operation, Result<CheckReply> reply) {
  end_work();
  checking_.reset();
  std::string reason = std::exchange(reason_before_check_, {});
  if (operation == CheckOperation::kFormat) reason = reason_after_format(reply, std::move(reason));
  become(volume_.state, std::move(reason));
  if (reply) keep_check(operation, *reply);
  journal_checked(volume_, word_for(operation), reply);
  // The label and the condition may have changed.
  const bool may_have_written = !only_reads(operation);
  if (!may_have_written) return check_waiters_.tell(reply);
  probe(std::nullopt,
        [this, reply = std::move(reply)](const Result<void>&) { check_waiters_.tell(reply); });
}

void VolumeMachine::keep_check(CheckOperation operation, CheckReply& reply) {
  const bool is_check = operation == CheckOperation::kCheck;
  // Not every checker reports this itself.
  if (is_check && reply.verdict == CheckVerdict::kClean) {
    if (const auto* what = not_said(volume_.probe->state)) {
      reply.verdict = CheckVerdict::kDirty;
      reply.summary = fmt::format("{}; otherwise {}", what, reply.summary);
    }
  }
  volume_.check = VolumeCheck{.operation = std::string(word_for(operation)),
                              .reply = reply,
                              .when = std::chrono::system_clock::now()};
  if (is_check) volume_.probe->state = state_after(reply.verdict, volume_.probe->state);
  publish();
}

void VolumeMachine::cancel_check() {
  if (*checking_ == CheckOperation::kFormat) return erase_unfinished();
  const bool may_have_written = !only_reads(*checking_);
  checking_.reset();
  become(volume_.state, std::exchange(reason_before_check_, {}));
  if (may_have_written) probe(std::nullopt, {});
}

void VolumeMachine::erase_unfinished() {
  checking_ = CheckOperation::kErase;
  reason_before_check_.clear();
  working_ = tools_.checking.check(
      volume_.source, {.operation = CheckOperation::kErase, .type = {}, .label = {}}, {},
      [this](const Result<CheckReply>& erased) {
        end_work();
        checking_.reset();
        if (!erased)
          log(LogLevel::kWarning, "{}: what formatting left could not be erased: {}", volume_.id,
              erased.error().message());
        become(volume_.state, "formatting it was cancelled");
        probe(std::nullopt, {});
      });
  become(volume_.state, std::string(being(CheckOperation::kErase)));
}

}  // namespace airlock
