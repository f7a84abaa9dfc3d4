// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/check_errand.h"

#include <fcntl.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/checkers.h"

namespace airlock {
namespace {

// The share of the progress that the repair itself takes; the check that follows takes the rest.
constexpr std::uint32_t kRepairShare = 700;
constexpr std::uint32_t kFormatShare = 700;
// Erasing writes two MiB.
constexpr std::chrono::seconds kErasePatience{8};
constexpr std::chrono::milliseconds kBetweenClaims{50};

// A medium that is held while checkers work on it.
class HeldMedium {
 public:
  HeldMedium(const CheckWork& work, Medium medium, Channel& news)
      : work_(work), medium_(std::move(medium)), news_(news) {}

  Result<void> claim() { return medium_.claim(MediumHold::kOurs); }

  // For what must be done even if something that was killed just now still holds it for a moment.
  Result<void> claim_patiently() {
    const Deadline end = deadline_in(kErasePatience);
    while (true) {
      auto claimed = claim();
      if (claimed || claimed.error().code != Errc::kBusy || std::chrono::steady_clock::now() > end)
        return claimed;
      std::this_thread::sleep_for(kBetweenClaims);
    }
  }

  // There is always time for it: a half-made filesystem must not be found.
  void erase() {
    end_ = std::max(end_, deadline_in(kErasePatience));
    if (const auto erased = run(CheckOperation::kErase, 0, 0); !erased)
      log(LogLevel::kWarning, "what formatting left could not be erased: {}",
          erased.error().message());
  }

  Result<CheckReply> run(CheckOperation operation, std::uint32_t from, std::uint32_t to) {
    CheckRequest request = work_.request;
    request.operation = operation;
    if (!takes_label(operation)) request.label.clear();
    TRY(const auto fd, medium_.descriptor(only_reads(operation) ? MediumAccess::kReadOnly
                                                                : MediumAccess::kReadWrite));
    const auto tell = [&](std::uint32_t done) {
      // Nobody waits for progress: a packet that does not fit is dropped.
      (void)news_.try_send(encode_check_progress(from + done * (to - from) / kWholeProgress),
                           kNoDescriptor);
    };
    return run_checker(fd.borrow(), request, work_.places, end_, {.progress = tell});
  }

 private:
  const CheckWork& work_;
  Medium medium_;
  Channel& news_;
  Deadline end_ = deadline_in(work_.deadline);
};

// The result of the repair and of the check after it.
CheckReply join(CheckReply repair, const CheckReply& check) {
  repair.verdict = check.verdict;
  if (check.verdict != CheckVerdict::kClean && check.verdict != CheckVerdict::kDirty)
    repair.summary = fmt::format("after the repair: {}", check.summary);
  repair.summary.resize(std::min(repair.summary.size(), CheckReply::kMostSummary));
  return repair;
}

Result<CheckReply> repair(HeldMedium& medium, const CheckerRow* row) {
  // A file that was being renamed has two names; the checker takes those for two damaged files. If
  // the replay fails, the checker still keeps the content that both names lead to, under one of
  // them.
  if (row != nullptr && is_own_program(row->replay_program))
    (void)medium.run(CheckOperation::kReplay, 0, 0);
  TRY(auto repaired, medium.run(CheckOperation::kRepair, 0, kRepairShare));
  // The repair did not change anything that a check could judge.
  if (repaired.verdict == CheckVerdict::kUnsupported || repaired.verdict == CheckVerdict::kDied ||
      repaired.verdict == CheckVerdict::kNeedsReplay)
    return repaired;
  // A checker may claim anything; the result of a new check counts.
  TRY(const auto checked, medium.run(CheckOperation::kCheck, kRepairShare, kWholeProgress));
  return join(std::move(repaired), checked);
}

// What was made is there as a whole, or nothing is.
Result<CheckReply> format(HeldMedium& medium) {
  auto made = medium.run(CheckOperation::kFormat, 0, kFormatShare);
  // Nothing was written yet.
  if (!made && made.error().code == Errc::kUnsupported) return made;
  if (!made || made->verdict != CheckVerdict::kClean) {
    medium.erase();
    return made;
  }
  auto checked = medium.run(CheckOperation::kCheck, kFormatShare, kWholeProgress);
  if (!checked) return fail(std::move(checked), "it was formatted, and could not be checked");
  if (checked->verdict != CheckVerdict::kClean)
    checked->summary = fmt::format("it was formatted, but the check says: {}", checked->summary)
                           .substr(0, CheckReply::kMostSummary);
  else
    checked->summary = made->summary;
  checked->changed = true;
  return checked;
}

Result<CheckReply> carry_out(HeldMedium& medium, const CheckRequest& request) {
  switch (request.operation) {
    case CheckOperation::kRepair:
      return repair(medium, find_checker(request.type));
    case CheckOperation::kFormat:
      return format(medium);
    default:
      return medium.run(request.operation, 0, kWholeProgress);
  }
}

}  // namespace

namespace {

// The steps before a mount; each runs only if the one before it succeeded.
class Preparing {
 public:
  Preparing(Medium& medium, const std::string& type, const CheckerPlaces& places,
            std::chrono::milliseconds at_most, const CheckerCompany& company)
      : medium_(medium),
        type_(type),
        places_(places),
        company_(company),
        end_(deadline_in(at_most)) {}

  Preparation prepare(CheckFirst wanted, const CheckerRow& row) {
    finishes_ = is_own_program(row.replay_program);
    if (!row.replay_program.empty() && !step(CheckOperation::kReplay)) return std::move(done_);
    const bool full = wanted == CheckFirst::kFull;
    if (!step(full ? CheckOperation::kCheck : CheckOperation::kGlance)) return std::move(done_);
    // The medium is consistent, so it is marked clean. If the checker can't do that, the driver is
    // told, and removes the dirty mark at unmount.
    if (done_.check->verdict == CheckVerdict::kDirty && row.settles)
      (void)step(CheckOperation::kSettle);
    return std::move(done_);
  }

 private:
  static constexpr std::size_t kMost = CheckReply::kMostSummary;

  // Returns whether to continue.
  bool step(CheckOperation operation) {
    auto reply = run(operation);
    if (!reply && operation == CheckOperation::kReplay && can_go_on(reply.error())) return true;
    if (!reply && reply.error().code == Errc::kUnsupported) return false;
    if (!reply) return give_up(operation, reply.error());
    if (operation == CheckOperation::kReplay && reply->changed) replayed_ = true;
    take(*std::move(reply));
    const CheckVerdict verdict = done_.check->verdict;
    if (verdict == CheckVerdict::kClean || verdict == CheckVerdict::kDirty) return true;
    done_.read_only_reason = "the check before mounting says: " + done_.check->summary;
    return false;
  }

  // An interrupted renaming that can't be finished, perhaps because the medium refuses writes, is
  // left for the checker to find.
  [[nodiscard]] bool can_go_on(const Error& why) const {
    return finishes_ && why.code != Errc::kCancelled && why.code != Errc::kTimedOut;
  }

  [[nodiscard]] const char* what_was_replayed() const {
    return finishes_ ? "an interrupted renaming was finished" : "its journal was replayed";
  }

  // A reply about the journal alone says nothing about the rest, so it is dropped.
  bool give_up(CheckOperation operation, const Error& why) {
    done_.check.reset();
    done_.read_only_reason = reason_without_answer(operation, why);
    if (replayed_)
      done_.read_only_reason =
          fmt::format("{}, then: {}", what_was_replayed(), done_.read_only_reason);
    return false;
  }

  // A replay that is stopped has only written what the journal holds. The journal keeps that until
  // all of it is written, so the medium is no worse than before.
  [[nodiscard]] std::string reason_without_answer(CheckOperation operation,
                                                  const Error& why) const {
    if (why.code == Errc::kCancelled) return "its check was skipped";
    if (operation == CheckOperation::kReplay && why.code == Errc::kTimedOut && finishes_)
      return "the search for interrupted renamings took too long and was stopped";
    if (operation == CheckOperation::kReplay && why.code == Errc::kTimedOut)
      return "the replay of its journal took too long and was stopped; the next replay starts from "
             "the beginning";
    return "it could not be checked: " + why.message();
  }

  // An operation that only reads may be stopped at any moment; a journal replay is never stopped
  // halfway.
  Result<CheckReply> run(CheckOperation operation) {
    const CheckerCompany company = only_reads(operation) ? company_ : CheckerCompany{};
    TRY(const auto fd, medium_.descriptor(only_reads(operation) ? MediumAccess::kReadOnly
                                                                : MediumAccess::kReadWrite));
    return run_checker(fd.borrow(), {.operation = operation, .type = type_, .label = {}}, places_,
                       end_, company);
  }

  // The last step gives the verdict; the changes and logs of earlier steps are kept.
  void take(CheckReply reply) {
    if (done_.check) {
      reply.changed = reply.changed || done_.check->changed;
      reply.log = (done_.check->log + reply.log).substr(0, CheckReply::kMostLog);
    }
    if (replayed_)
      reply.summary = fmt::format("{}; {}", what_was_replayed(), reply.summary).substr(0, kMost);
    done_.check = std::move(reply);
  }

  Medium& medium_;
  const std::string& type_;
  const CheckerPlaces& places_;
  const CheckerCompany& company_;
  Deadline end_;
  Preparation done_;
  bool replayed_ = false;
  bool finishes_ = false;  // interrupted renamings, because there is no journal
};

}  // namespace

Preparation prepare_medium(Medium& medium, CheckFirst wanted, const std::string& type,
                           const CheckerPlaces& places, std::chrono::milliseconds at_most,
                           const CheckerCompany& company) {
  const CheckerRow* row = find_checker(type);
  if (wanted == CheckFirst::kNo || row == nullptr || medium.read_only()) return {};
  auto done = Preparing(medium, type, places, at_most, company).prepare(wanted, *row);
  if (!done.read_only_reason.empty()) medium.restrict_to_reading();
  return done;
}

Result<void> require_same(const Medium& medium, const MountSource& source) {
  if (source.device != 0 && medium.device() != source.device)
    return fail(Errc::kNotFound, "{} became another device", quote(source.path));
  if (source.disk_sequence != 0 && medium.disk_sequence() != 0 &&
      medium.disk_sequence() != source.disk_sequence)
    return fail(Errc::kNotFound, "{} holds another medium now", quote(source.path));
  return {};
}

Result<Medium> take_source(const MountSource& source, MediumAccess wanted) {
  if (source.image) {
    TRY(auto file, source.image->take());
    return Medium::adopt(std::move(file), std::string(kImagePrefix) + source.path, wanted);
  }
  TRY(auto medium, Medium::find(source.path, wanted));
  if (!medium.is_block())
    return fail(Errc::kInvalidArgument, "{} is not a block device", quote(source.path));
  TRY_VOID(require_same(medium, source));
  return medium;
}

Result<ErrandReport> do_check(const CheckWork& work, Channel& news) {
  const CheckOperation operation = work.request.operation;
  const auto access = only_reads(operation) ? MediumAccess::kReadOnly : MediumAccess::kReadWrite;
  TRY(auto medium, take_source(work.source, access));
  if (medium.write_protected())
    return fail(Errc::kReadOnly, "{} is write-protected", quote(work.source.path));
  HeldMedium held(work, std::move(medium), news);
  TRY_VOID(operation == CheckOperation::kErase ? held.claim_patiently() : held.claim());
  TRY(const auto reply, carry_out(held, work.request));
  TRY(const Bytes bytes, encode_check_reply(reply));
  ErrandReport report;
  report.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return report;
}

}  // namespace airlock
