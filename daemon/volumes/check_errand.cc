// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/check_errand.h"

#include <fcntl.h>

#include <fmt/format.h>

#include <utility>

#include "lib/base/text.h"

namespace airlock {
namespace {

// How much of a repair is the repair; the check that follows it is the rest.
constexpr std::uint32_t kRepairShare = 700;

// One medium that is held while checkers work on it.
class HeldMedium {
 public:
  HeldMedium(const CheckWork& work, Medium medium, Channel& news)
      : work_(work), medium_(std::move(medium)), news_(news) {}

  Result<void> claim() { return medium_.claim(MediumHold::kOurs); }

  Result<CheckReply> run(CheckOperation operation, std::uint32_t from, std::uint32_t to) {
    CheckRequest request = work_.request;
    request.operation = operation;
    if (operation != CheckOperation::kLabel) request.label.clear();
    TRY(const auto fd, medium_.descriptor(only_reads(operation) ? MediumAccess::kReadOnly
                                                                : MediumAccess::kReadWrite));
    return run_checker(fd.borrow(), request, work_.places, end_, [&](std::uint32_t done) {
      // Nobody waits for it: what does not fit is left out.
      (void)news_.try_send(encode_check_progress(from + done * (to - from) / kWholeProgress),
                           kNoDescriptor);
    });
  }

 private:
  const CheckWork& work_;
  Medium medium_;
  Channel& news_;
  Deadline end_ = deadline_in(work_.deadline);
};

// What the repair did, and what the check after it found.
CheckReply join(CheckReply repair, const CheckReply& check) {
  repair.verdict = check.verdict;
  if (check.verdict != CheckVerdict::kClean && check.verdict != CheckVerdict::kDirty)
    repair.summary = fmt::format("after the repair: {}", check.summary);
  repair.summary.resize(std::min(repair.summary.size(), CheckReply::kMostSummary));
  return repair;
}

Result<CheckReply> repair(HeldMedium& medium) {
  TRY(auto repaired, medium.run(CheckOperation::kRepair, 0, kRepairShare));
  // It did not get so far as to change anything that a check could judge.
  if (repaired.verdict == CheckVerdict::kUnsupported || repaired.verdict == CheckVerdict::kDied)
    return repaired;
  // A checker may say anything; what counts is what a new one finds.
  TRY(const auto checked, medium.run(CheckOperation::kCheck, kRepairShare, kWholeProgress));
  return join(std::move(repaired), checked);
}

}  // namespace

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
    UniqueFd copy(::fcntl(source.image->get(), F_DUPFD_CLOEXEC, 0));
    return Medium::adopt(std::move(copy), source.path, wanted);
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
  TRY_VOID(held.claim());
  TRY(const auto reply,
      operation == CheckOperation::kRepair ? repair(held) : held.run(operation, 0, kWholeProgress));
  TRY(const Bytes bytes, encode_check_reply(reply));
  ErrandReport report;
  report.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return report;
}

}  // namespace airlock
