// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/places/mount_records.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/places/folder_names.h"
#include "daemon/places/record_text.h"
#include "lib/base/defer.h"
#include "lib/base/file_text.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

constexpr std::size_t kMostRecords = 1024;
// Not a name of any record: those never contain a dot.
constexpr const char* kNewFile = "new.tmp";

// Opens it each time, so that it may be removed and recreated meanwhile. If others can write to it,
// they may have left anything there, so such a directory is refused, not fixed.
Result<UniqueFd> open_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, errc_from_errno(errno), "make {}", quote(path));
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const int error = errno;
  if (!directory.valid()) return fail_errno(error, errc_from_errno(error), "open {}", quote(path));
  struct stat status = {};
  if (::fstat(directory.get(), &status) != 0)
    return fail_errno(errno, Errc::kSystem, "look at {}", quote(path));
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Errc::kNotPermitted, "users other than root can write to {}", quote(path));
  if ((status.st_mode & kPermissions) != 0700 && ::fchmod(directory.get(), 0700) != 0)
    return fail_errno(errno, Errc::kSystem, "close {} to others", quote(path));
  return directory;
}

Result<void> write_file(BorrowedFd directory, const std::string& text) {
  UniqueFd file(::openat(directory.get(), kNewFile,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno(errno, errc_from_errno(errno), "make a file");
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written < 0) return fail_errno(errno, errc_from_errno(errno), "write");
  if (static_cast<std::size_t>(written) != text.size())
    return fail(Errc::kNoSpace, "write: {} of {} bytes", written, text.size());
  return {};
}

// In one step: if we die at any point, the old or the new file remains, complete.
Result<void> replace_file(BorrowedFd directory, const std::string& name, const std::string& text) {
  (void)::unlinkat(directory.get(), kNewFile, 0);  // left over if we died here before
  Defer cleanup([&] { (void)::unlinkat(directory.get(), kNewFile, 0); });
  TRY_VOID(write_file(directory, text));
  if (::renameat(directory.get(), kNewFile, directory.get(), name.c_str()) != 0)
    return fail_errno(errno, errc_from_errno(errno), "put it in place");
  cleanup.dismiss();
  return {};
}

Result<std::string> read_file(BorrowedFd directory, const std::string& name) {
  // Without O_NONBLOCK, a fifo would make us wait.
  const UniqueFd file(
      ::openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return fail_errno(errno, errc_from_errno(errno), "open it");
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, Errc::kSystem, "look at it");
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
    return fail(Errc::kNotPermitted, "not one of Airlock's files");
  return read_text(file.borrow(), kMostRecordBytes);
}

Result<MountRecord> load_one(BorrowedFd directory, const std::string& name) {
  TRY(const std::string text, read_file(directory, name));
  TRY(auto record, read_record(text));
  const auto proper_name = record_file_name(record.volume_id);
  if (!proper_name || *proper_name != name)
    return fail(Errc::kInvalidArgument, "the record of another volume");
  return record;
}

}  // namespace

Result<MountRecords> MountRecords::open(const std::string& directory) {
  auto opened = open_directory(directory);
  if (!opened) return fail(std::move(opened), "records of mounts");
  return MountRecords(directory);
}

Result<void> MountRecords::save(const MountRecord& record) {
  const std::string text = write_record(record);
  // If it could not be read again, the mount would be forgotten.
  auto readable = read_record(text);
  if (!readable) return fail(std::move(readable), "record of mount {}", quote(record.volume_id));
  TRY(const std::string name, record_file_name(record.volume_id));
  TRY(const auto directory, open_directory(directory_));
  auto saved = replace_file(directory.borrow(), name, text);
  if (!saved) return fail(std::move(saved), "record of mount {}", quote(record.volume_id));
  return {};
}

void MountRecords::forget(const std::string& volume_id) {
  const auto name = record_file_name(volume_id);
  const auto directory = open_directory(directory_);
  if (!name || !directory) return;
  if (::unlinkat(directory->get(), name->c_str(), 0) != 0 && errno != ENOENT)
    log(LogLevel::kWarning, "the record of mount {} stays: errno {}", quote(volume_id), errno);
}

std::vector<MountRecord> MountRecords::load() {
  std::vector<MountRecord> records;
  const auto directory = open_directory(directory_);
  if (!directory) {
    log(LogLevel::kError, "no records of mounts: {}", directory.error().message());
    return records;
  }
  for (const std::string& name : names_in(directory->borrow())) {
    if (records.size() == kMostRecords) {
      log(LogLevel::kError, "more than {} records of mounts: the rest is ignored", kMostRecords);
      break;
    }
    auto record = load_one(directory->borrow(), name);
    if (record) {
      records.push_back(std::move(*record));
      continue;
    }
    log(LogLevel::kWarning, "a record of a mount is invalid and is removed: {}: {}", quote(name),
        record.error().message());
    (void)::unlinkat(directory->get(), name.c_str(), 0);  // a directory stays, and is named again
  }
  return records;
}

}  // namespace airlock
