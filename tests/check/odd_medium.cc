// SPDX-License-Identifier: GPL-2.0-or-later
// A medium that misbehaves on command: odd_medium FILE FOLDER serves FILE as FOLDER/medium, for a
// loop device on top, until it is unmounted. It obeys commands written to FOLDER/control, one at a
// time:
//   fail FIRST LENGTH           reading or writing there is an I/O error
//   slow FIRST LENGTH MILLIS    answers for that range take so long
//   write-fails NUMBER          only this one of the writes from now on is an I/O error
//   flush-fails NUMBER          the same for flushes
//   well                        ends all of that
//   copy FILE                   copies the present contents, as if the plug were pulled now
// FOLDER/control shows how many writes and flushes have failed that way. It handles one request at
// a time, so that a copy shows a single moment.
#define FUSE_USE_VERSION 31
#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr std::string_view kMedium = "/medium";
constexpr std::string_view kControl = "/control";

struct Range {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
  [[nodiscard]] bool touches(std::uint64_t from, std::uint64_t size) const {
    return from < first + length && first < from + size;
  }
};

// One of many calls fails.
struct OneFailure {
  std::uint64_t left = 0;  // calls until the one that fails, itself included; 0: none does
  std::uint64_t failed = 0;
  [[nodiscard]] bool strikes() {
    if (left == 0 || --left > 0) return false;
    ++failed;
    return true;
  }
};

struct OddMedium {
  int file = -1;
  OneFailure write, flush;
  Range failing;
  Range slow;
  std::chrono::milliseconds delay{};
};

OddMedium& medium() {
  return *static_cast<OddMedium*>(fuse_get_context()->private_data);
}

// 0, or the error for this access.
int misbehave(off_t at, std::size_t size) {
  const auto first = static_cast<std::uint64_t>(at);
  if (medium().slow.touches(first, size)) std::this_thread::sleep_for(medium().delay);
  return medium().failing.touches(first, size) ? -EIO : 0;
}

int copy_to(const std::string& path) {
  std::error_code error;
  const auto self = "/proc/self/fd/" + std::to_string(medium().file);
  std::filesystem::copy_file(self, path, std::filesystem::copy_options::overwrite_existing, error);
  return error ? -EIO : 0;
}

int obey(const std::string& command) {
  std::istringstream words(command);
  std::string verb;
  words >> verb;
  if (verb == "fail") {
    words >> medium().failing.first >> medium().failing.length;
  } else if (verb == "slow") {
    std::int64_t delay = 0;
    words >> medium().slow.first >> medium().slow.length >> delay;
    medium().delay = std::chrono::milliseconds(delay);
  } else if (verb == "write-fails") {
    words >> medium().write.left;
  } else if (verb == "flush-fails") {
    words >> medium().flush.left;
  } else if (verb == "well") {
    medium().failing = medium().slow = {};
    medium().write.left = medium().flush.left = 0;
  } else if (verb == "copy") {
    std::string path;
    words >> path;
    return copy_to(path);
  } else {
    return -EINVAL;
  }
  return words.fail() ? -EINVAL : 0;
}

int get_attributes(const char* path, struct stat* status, fuse_file_info* /*info*/) {
  *status = {};
  if (std::string_view(path) == "/") {
    status->st_mode = S_IFDIR | 0755;
    status->st_nlink = 2;
    return 0;
  }
  if (path == kControl) {
    status->st_mode = S_IFREG | 0600;
    status->st_nlink = 1;
    return 0;
  }
  if (path != kMedium) return -ENOENT;
  if (::fstat(medium().file, status) != 0) return -errno;
  status->st_mode |= 0666;  // any user may open it as an image
  return 0;
}

int open_one(const char* path, fuse_file_info* info) {
  if (path != kMedium && path != kControl) return -ENOENT;
  // This program sees every access, however often.
  info->direct_io = 1;
  return 0;
}

int read_some(const char* path, char* into, std::size_t size, off_t at, fuse_file_info* /*info*/) {
  if (path == kControl) {
    const std::string failed = std::to_string(medium().write.failed + medium().flush.failed) + "\n";
    return at == 0 ? static_cast<int>(failed.copy(into, size)) : 0;
  }
  if (path != kMedium) return -EINVAL;
  if (const int error = misbehave(at, size); error != 0) return error;
  const ssize_t length = ::pread(medium().file, into, size, at);
  return length < 0 ? -errno : static_cast<int>(length);
}

int write_some(const char* path, const char* from, std::size_t size, off_t at,
               fuse_file_info* /*info*/) {
  if (path == kControl) {
    const int error = obey(std::string(from, size));
    return error != 0 ? error : static_cast<int>(size);
  }
  if (const int error = misbehave(at, size); error != 0) return error;
  if (medium().write.strikes()) return -EIO;
  const ssize_t length = ::pwrite(medium().file, from, size, at);
  return length < 0 ? -errno : static_cast<int>(length);
}

int truncate_one(const char* path, off_t size, fuse_file_info* /*info*/) {
  if (path == kControl) return 0;
  return ::ftruncate(medium().file, size) == 0 ? 0 : -errno;
}

int synchronize(const char* /*path*/, int /*data_only*/, fuse_file_info* /*info*/) {
  return medium().flush.strikes() ? -EIO : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  OddMedium odd;
  odd.file = ::open(argv[1], O_RDWR | O_CLOEXEC);
  if (odd.file < 0) return 1;
  fuse_operations operations = {};
  operations.getattr = get_attributes;
  operations.open = open_one;
  operations.read = read_some;
  operations.write = write_some;
  operations.truncate = truncate_one;
  operations.fsync = synchronize;
  std::string foreground = "-f", one_at_a_time = "-s", for_anybody = "-oallow_other";
  std::array<char*, 6> arguments = {
      argv[0], foreground.data(), one_at_a_time.data(), for_anybody.data(), argv[2], nullptr};
  return fuse_main(5, arguments.data(), &operations, &odd);
}
