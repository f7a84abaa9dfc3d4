// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/request_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "daemon/volumes/properties.h"

namespace airlock {
namespace {

constexpr std::chrono::seconds kDeadline{10};
constexpr std::size_t kMostName = 255;

// The errand: the only part that may have to wait for whoever serves the file.
Result<ErrandReport> measure(int image) {
  struct stat info = {};
  if (::fstat(image, &info) != 0)
    return fail_errno(errno, errc_from_errno(errno), "look at the image");
  if (!S_ISREG(info.st_mode))
    return fail(Errc::kInvalidArgument, "an image must be a regular file");
  if (info.st_size <= 0) return fail(Errc::kWrongFormat, "the image is empty");
  ErrandReport report;
  report.bytes = std::to_string(info.st_size);
  return report;
}

Result<ImageCheck> understand(Result<ErrandReport> report, bool writable) {
  if (!report) return std::unexpected(std::move(report).error());
  ImageCheck check{.writable = writable};
  const char* end = report->bytes.data() + report->bytes.size();
  if (std::from_chars(report->bytes.data(), end, check.size).ptr != end)
    return fail(Errc::kProtocol, "a size that is not a number");
  return check;
}

}  // namespace

Result<Errand> check_image(EventLoop& loop, BorrowedFd image, ImageChecked done) {
  const int flags = ::fcntl(image.get(), F_GETFL);
  if (flags < 0) return fail_errno(errno, Errc::kInvalidArgument, "look at the image");
  const int mode = flags & O_ACCMODE;
  if ((flags & O_PATH) != 0 || mode == O_WRONLY)
    return fail(Errc::kInvalidArgument, "the image was not opened for reading");
  return Errand::start(
      loop, "look at the image", {.deadline = kDeadline}, {image},
      [fd = image.get()] { return measure(fd); },
      [writable = mode == O_RDWR, done = std::move(done)](Result<ErrandReport> report) mutable {
        done(understand(std::move(report), writable));
      });
}

std::string image_name(std::string_view given) {
  std::string name = showable(given.substr(0, kMostName));
  return name.empty() ? "image" : name;
}

}  // namespace airlock
