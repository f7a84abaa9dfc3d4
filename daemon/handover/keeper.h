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

// The process that receives the descriptors of one handover and keeps the files. It tells airlockd
// which it has, and gives copies to errands; if closing a hostile file hangs, only this process
// hangs.
namespace keeper {

// The keeper's messages to airlockd.
struct News {
  enum class Kind : std::uint8_t { kListening, kFile, kComplete };
  Kind kind = Kind::kListening;
  FileFacts facts;  // for kFile; files come in the order in which the caller sent them
};
Result<void> tell(BorrowedFd airlockd, const News& news, BorrowedFd own);
// Errc::kProtocol if the packet is not news.
Result<News> read_news(const PassedPacket& packet);

// The errand's work: listens at `path`, where only `user` may connect, takes one message with one
// to Handovers::kMostFiles descriptors, and keeps them until the other end of `airlockd` closes.
Result<ErrandReport> run(const std::string& path, uid_t user, UniqueFd airlockd);

// Call in an errand: asks the keeper at the other end for a copy of a file.
Result<UniqueFd> ask(BorrowedFd keeper, std::uint8_t index);

}  // namespace keeper
}  // namespace airlock
