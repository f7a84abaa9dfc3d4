// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/base/log.h"

namespace airlock {

// Names one kind of entry for ever, so that programs can look for it: `journalctl MESSAGE_ID=...`.
// 32 hexadecimal digits.
struct MessageId {
  std::string_view digits;
};

// One field beside the text. Names are [A-Z0-9_], at most 64 letters, not beginning with "_".
struct LogField {
  std::string_view name;
  std::string value;  // any bytes; cut at kMost
  static constexpr std::size_t kMost = 4096;
};

// Where the journal listens. Another place is for tests.
inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
void journal_open(std::string_view socket_path);

// One entry with fields for programs. It goes to the journal if there is one, in one datagram
// that is dropped rather than waited for; a person who watches standard error sees the text there.
// Without a journal it is a log() like any other. Text must be quote()d where it is foreign;
// fields may hold anything.
void log_event(LogLevel level, MessageId id, std::string_view text,
               std::span<const LogField> fields);

}  // namespace airlock
