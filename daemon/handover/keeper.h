// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/api/held_file.h"
#include "daemon/loop/errand.h"
#include "lib/base/error.h"
#include "lib/base/passing.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The process that takes the descriptors of one handover and keeps the files. It tells airlockd
// what it has, and gives errands copies; closing a hostile file hangs this process alone.
namespace keeper {

// What it tells airlockd.
struct News {
  enum class Kind : std::uint8_t { kListening, kFile, kComplete };
  Kind kind = Kind::kListening;
  FileFacts facts;  // of kFile, which come in the order the caller sent them in
};
Result<void> tell(BorrowedFd airlockd, const News& news, BorrowedFd own);
// Errc::kProtocol if it is no news.
Result<News> read_news(const PassedPacket& packet);

// The work of the errand: listens at `path`, where only `user` may connect, takes one message with
// one to Handovers::kMostFiles descriptors, and keeps them until the other end of `airlockd`
// closes.
Result<ErrandReport> run(const std::string& path, uid_t user, UniqueFd airlockd);

// In an errand: asks the keeper at the other end for a copy of a file.
Result<UniqueFd> ask(BorrowedFd keeper, std::uint8_t index);

}  // namespace keeper
}  // namespace airlock
