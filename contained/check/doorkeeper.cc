// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/doorkeeper.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "lib/protocol/checkers.h"

namespace airlock::check {
namespace {

// e2fsck makes sure that its first three descriptors are open.
constexpr std::string_view kNullPath = "/dev/null";

}  // namespace

Result<void> Doorkeeper::answer_one() const {
  TRY(const auto question, door_.next());
  return question ? answer(*question) : Result<void>{};
}

Result<void> Doorkeeper::answer(const seccomp_notif& question) const {
  const AskedOpening opening = asked_opening(question.data);
  const auto into = asked_look(question.data);
  const std::uint64_t name = into ? question.data.args[1] : opening.path;
  const bool null = !into && is_name_at(question, name, kNullPath);
  const bool medium = is_name_at(question, name, kMediumPath);
  if (!door_.still_asks(question)) return {};  // the name may have been another's
  if (into && medium) return door_.describe(question, *into, medium_);
  if (null) return door_.hand_over(question, BorrowedFd{STDIN_FILENO}, opening.flags);
  if (!medium) return door_.let_go_on(question);
  const bool writes = (opening.flags & O_ACCMODE) != O_RDONLY;
  if (writes && access_ == Access::kReadOnly) return door_.reply(question, EROFS);
  return door_.hand_over(question, medium_, opening.flags);
}

}  // namespace airlock::check
