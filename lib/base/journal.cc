// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/journal.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

std::string& socket_path() {
  static std::string path = kJournalSocket;
  return path;
}

// The journal's own format: NAME=value, or for a value with a newline the name, its length as 64
// bits little-endian, and the value.
void add_field(std::string& entry, std::string_view name, std::string_view value) {
  value = value.substr(0, LogField::kMost);
  entry += name;
  if (value.find('\n') == std::string_view::npos) {
    entry += '=';
  } else {
    entry += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8)
      entry += static_cast<char>((static_cast<std::uint64_t>(value.size()) >> shift) & 0xff);
  }
  entry += value;
  entry += '\n';
}

bool send_entry(const std::string& entry) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket_path();
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return false;
  const ssize_t sent = ::sendto(socket.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return sent == static_cast<ssize_t>(entry.size());
}

}  // namespace

void journal_open(std::string_view path) {
  socket_path() = path;
}

void log_event(LogLevel level, MessageId id, std::string_view text,
               std::span<const LogField> fields) {
  if (!log_shows(level)) return;
  std::string entry;
  add_field(entry, "MESSAGE", text);
  add_field(entry, "PRIORITY", std::to_string(static_cast<int>(level)));
  add_field(entry, "MESSAGE_ID", id.digits);
  add_field(entry, "SYSLOG_IDENTIFIER", log_program());
  for (const LogField& field : fields)
    if (!field.value.empty()) add_field(entry, field.name, field.value);
  // A reader of standard error would otherwise miss it, or see it twice.
  if (!send_entry(entry) || !log_goes_to_the_journal()) log_line(level, text);
}

}  // namespace airlock
