// SPDX-License-Identifier: GPL-2.0-or-later
// Operations on open files, by slot number.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>
#include <utility>

#include "content.h"
#include "session.h"
#include "tree_dump.h"

namespace airlock::test {
namespace {

// Letters as in `open 3 name rwct 644`: read, write, both, create, x for exclusive, truncate,
// append, directory. A FIFO must not block the run.
int open_flags(const std::string& letters) {
  static const std::map<char, int> meaning = {{'r', O_RDONLY}, {'w', O_WRONLY},   {'b', O_RDWR},
                                              {'c', O_CREAT},  {'x', O_EXCL},     {'t', O_TRUNC},
                                              {'a', O_APPEND}, {'d', O_DIRECTORY}};
  int flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  for (const char letter : letters) flags |= meaning.at(letter);
  return flags;
}

// The slot keeps its old file if the new one cannot be opened.
OpResult open_file(Session& session, const OpLine& line) {
  const int flags = open_flags(line.text(3));
  struct stat before = {};
  const bool there = (flags & O_TRUNC) != 0 && stat(line.path(2), &before) == 0;
  UniqueFd file(open(line.path(2), flags, line.mode(4)));
  if (!file.valid()) return from_call(-1);
  if (there) touch_if_cut_to_its_size(file.get(), "", before, 0);
  session.slot(line, 1) = std::move(file);
  return {};
}

OpResult close_file(Session& session, const OpLine& line) {
  return from_call(close(session.slot(line, 1).release()));
}

OpResult counted(ssize_t count) {
  return count < 0 ? from_call(count) : OpResult{.value = fmt::format("{}", count)};
}

OpResult write_at(Session& session, const OpLine& line) {
  const auto bytes = make_content(static_cast<std::uint64_t>(line.number(4)), line.size(3));
  return counted(pwrite(session.descriptor(line, 1), bytes.data(), bytes.size(), line.number(2)));
}

OpResult write_here(Session& session, const OpLine& line) {
  const auto bytes = make_content(static_cast<std::uint64_t>(line.number(3)), line.size(2));
  return counted(write(session.descriptor(line, 1), bytes.data(), bytes.size()));
}

OpResult read_at(Session& session, const OpLine& line) {
  std::vector<std::byte> bytes(line.size(3));
  const ssize_t got =
      pread(session.descriptor(line, 1), bytes.data(), bytes.size(), line.number(2));
  if (got < 0) return from_call(got);
  bytes.resize(static_cast<std::size_t>(got));
  return {.value = fmt::format("{}:{}", got, digest_of(bytes))};
}

OpResult truncate_file(Session& session, const OpLine& line) {
  const int file = session.descriptor(line, 1);
  struct stat before = {};
  const bool there = fstat(file, &before) == 0;
  const OpResult result = from_call(ftruncate(file, line.number(2)));
  if (there && result.error == 0) touch_if_cut_to_its_size(file, "", before, line.number(2));
  return result;
}

OpResult allocate(Session& session, const OpLine& line) {
  const int file = session.descriptor(line, 1);
  const OpResult result =
      from_call(fallocate(file, static_cast<int>(line.number(2)), line.number(3), line.number(4)));
  session.remember_preallocated(file);
  return result;
}

// Directories have positions of their own making.
bool is_directory(int file) {
  struct stat status{};
  return fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
}

OpResult show_map(Session& session, const OpLine& line) {
  const int file = session.descriptor(line, 1);
  if (session.is_preallocated(file)) return {.value = "preallocated"};
  if (is_directory(file)) return {.value = "directory"};
  const off_t before = lseek(file, 0, SEEK_CUR);
  OpResult map = describe_map(file);
  (void)lseek(file, before, SEEK_SET);  // the end of the search depends on the block size
  return map;
}

OpResult seek(Session& session, const OpLine& line) {
  const int file = session.descriptor(line, 1);
  const int whence = line.text(2) == "data" ? SEEK_DATA : SEEK_HOLE;
  const off_t before = lseek(file, 0, SEEK_CUR);
  const off_t found = lseek(file, line.number(3), whence);
  const int error = errno;
  if (is_directory(file)) return {.value = "directory"};
  (void)lseek(file, before, SEEK_SET);  // a FIFO has no position; the first call already reported
                                        // that
  if (session.is_preallocated(file)) return {.value = "preallocated"};
  errno = error;
  return found < 0 ? from_call(found) : OpResult{.value = fmt::format("{}", found)};
}

// A shared mapping of part of a file, never reaching past its end: that would be SIGBUS, not an
// errno.
class Mapping {
 public:
  Mapping(int file, int protection, off_t offset, std::size_t length) {
    struct stat status{};
    if (fstat(file, &status) != 0) return;
    begin_ = offset / kPage * kPage;
    const off_t end = std::min(status.st_size, offset + static_cast<off_t>(length));
    if (end <= offset || !S_ISREG(status.st_mode)) {
      errno = ENXIO;
      return;
    }
    size_ = static_cast<std::size_t>(end - begin_);
    inner_ = static_cast<std::size_t>(offset - begin_);
    address_ = mmap(nullptr, size_, protection, MAP_SHARED, file, begin_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (valid()) munmap(address_, size_);
  }
  [[nodiscard]] bool valid() const { return address_ != MAP_FAILED; }
  [[nodiscard]] std::span<std::byte> bytes() const {
    return std::span(static_cast<std::byte*>(address_), size_).subspan(inner_);
  }
  [[nodiscard]] int flush() const { return msync(address_, size_, MS_SYNC); }

 private:
  static constexpr off_t kPage = 4096;
  void* address_ = MAP_FAILED;
  off_t begin_ = 0;
  std::size_t size_ = 0;
  std::size_t inner_ = 0;
};

OpResult map_write(Session& session, const OpLine& line) {
  const Mapping mapping(session.descriptor(line, 1), PROT_READ | PROT_WRITE, line.number(2),
                        line.size(3));
  if (!mapping.valid()) return from_call(-1);
  const auto target = mapping.bytes();
  const auto content = make_content(static_cast<std::uint64_t>(line.number(4)), target.size());
  std::memcpy(target.data(), content.data(), target.size());
  const int flushed = line.number(4) % 2 == 0 ? mapping.flush() : 0;
  return flushed < 0 ? from_call(flushed) : counted(static_cast<ssize_t>(target.size()));
}

OpResult map_read(Session& session, const OpLine& line) {
  const Mapping mapping(session.descriptor(line, 1), PROT_READ, line.number(2), line.size(3));
  if (!mapping.valid()) return from_call(-1);
  return {.value = fmt::format("{}:{}", mapping.bytes().size(), digest_of(mapping.bytes()))};
}

// Both copying calls may do less than requested; only the sum is promised, not the size of each
// step.
template <typename Copy>
OpResult copy_all(std::size_t wanted, Copy copy) {
  std::size_t done = 0;
  while (done < wanted) {
    const ssize_t now = copy(wanted - done);
    if (now < 0) return {.error = errno, .value = fmt::format("{}", done)};
    if (now == 0) break;
    done += static_cast<std::size_t>(now);
  }
  return {.value = fmt::format("{}", done)};
}

OpResult copy_range(Session& session, const OpLine& line) {
  off_t from = line.number(2);
  off_t to = line.number(4);
  return copy_all(line.size(5), [&](std::size_t rest) {
    return copy_file_range(session.descriptor(line, 1), &from, session.descriptor(line, 3), &to,
                           rest, 0);
  });
}

OpResult send_file(Session& session, const OpLine& line) {
  off_t from = line.number(3);
  return copy_all(line.size(4), [&](std::size_t rest) {
    return sendfile(session.descriptor(line, 1), session.descriptor(line, 2), &from, rest);
  });
}

OpResult sync_file(Session& session, const OpLine& line) {
  return from_call(fsync(session.descriptor(line, 1)));
}

OpResult sync_data(Session& session, const OpLine& line) {
  return from_call(fdatasync(session.descriptor(line, 1)));
}

OpResult sync_filesystem(Session&, const OpLine&) {
  const UniqueFd here(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return from_call(here.valid() ? syncfs(here.get()) : -1);
}

OpResult file_status(Session& session, const OpLine& line) {
  struct stat status{};
  if (fstat(session.descriptor(line, 1), &status) != 0) return from_call(-1);
  return {.value = encode(describe_status(status))};
}

OpResult file_mode(Session& session, const OpLine& line) {
  return from_call(fchmod(session.descriptor(line, 1), line.mode(2)));
}

}  // namespace

Operation find_file_operation(const std::string& name) {
  static const std::map<std::string, Operation> table = {
      {"open", open_file},         {"close", close_file},  {"pwrite", write_at},
      {"write", write_here},       {"pread", read_at},     {"ftruncate", truncate_file},
      {"fallocate", allocate},     {"map", show_map},      {"seek", seek},
      {"mmapwrite", map_write},    {"mmapread", map_read}, {"copyrange", copy_range},
      {"sendfile", send_file},     {"fsync", sync_file},   {"fdatasync", sync_data},
      {"syncfs", sync_filesystem}, {"fstat", file_status}, {"fchmod", file_mode},
  };
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace airlock::test
