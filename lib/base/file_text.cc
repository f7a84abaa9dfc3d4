// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/file_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "lib/base/unique_fd.h"

namespace airlock {

namespace {

// False if reading failed; errno says why.
bool append_all(BorrowedFd file, std::size_t most, std::string& text) {
  std::array<char, 16384> part;
  while (text.size() <= most) {
    const ssize_t count = ::read(file.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    text.append(part.data(), static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

std::string file_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (file.valid()) (void)append_all(file.borrow(), text.max_size() - 1, text);
  return text;
}

Result<std::string> read_text(BorrowedFd file, std::size_t most) {
  std::string text;
  if (!append_all(file, most, text)) return fail_errno(errno, errc_from_errno(errno), "read it");
  if (text.size() > most) return fail(Errc::kLimitExceeded, "it is longer than {} bytes", most);
  return text;
}

}  // namespace airlock
