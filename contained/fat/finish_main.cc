// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-fat-finish MEDIUM: airlock-check runs this on a FAT or exFAT volume that was not
// unmounted, before the checker of the distribution. Exits like those: 0 nothing to do, 1 repaired,
// 8 failed.
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "contained/fat/finish_renames.h"
#include "lib/base/unique_fd.h"

namespace airlock::fat {
namespace {

constexpr int kNothing = 0;
constexpr int kPutRight = 1;
constexpr int kFailed = 8;

int finish(const char* path) {
  UniqueFd medium(::open(path, O_RDWR | O_CLOEXEC));
  if (!medium.valid()) {
    std::perror(path);
    return kFailed;
  }
  auto io = DescriptorIo::adopt(std::move(medium));
  if (!io) {
    fmt::print(stderr, "{}\n", io.error().message());
    return kFailed;
  }
  const auto finished = finish_renames(*io);
  if (!finished) {
    // airlock-check takes a "Read error" for a failing medium. Damaged structures are left to the
    // checker.
    const int why = finished.error().value;
    const bool damaged = why == EUCLEAN;
    fmt::print("{}: {}\n", damaged ? "interrupted renamings are left alone" : "Read error",
               std::error_code(why, std::system_category()).message());
    return damaged ? kNothing : kFailed;
  }
  if (*finished == 0) return kNothing;
  fmt::print("{} interrupted renaming{} finished\n", *finished, *finished == 1 ? "" : "s");
  return kPutRight;
}

}  // namespace
}  // namespace airlock::fat

int main(int argc, char** argv) {
  if (argc == 2) return airlock::fat::finish(argv[1]);
  std::fputs("usage: airlock-fat-finish MEDIUM\n", stderr);
  return airlock::fat::kFailed;
}
