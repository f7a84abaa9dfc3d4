// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/base/log.h"

namespace airlock {

// Identifies one kind of entry for ever, so that programs can search for it: `journalctl
// MESSAGE_ID=...`. 32 hexadecimal digits.
struct MessageId {
  std::string_view digits;
};

// An additional field of an entry. Names are [A-Z0-9_], at most 64 letters, not beginning with "_".
struct LogField {
  std::string_view name;
  std::string value;  // any bytes; truncated at kMost
  static constexpr std::size_t kMost = 4096;
};

// The journal's socket. Tests use another one.
inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
void journal_open(std::string_view socket_path);

// Writes one entry with fields for programs. Sends it to the journal if there is one, in one
// datagram that is dropped rather than waited for; a person who watches standard error sees the
// text there. Without a journal it is like log(). Foreign text must be quote()d; fields may contain
// anything.
void log_event(LogLevel level, MessageId id, std::string_view text,
               std::span<const LogField> fields);

}  // namespace airlock
