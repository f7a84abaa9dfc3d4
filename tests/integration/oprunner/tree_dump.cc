// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree_dump.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "content.h"

namespace airlock::test {
namespace {

constexpr off_t kPage = 4096;
constexpr std::size_t kChunk = 1U << 20U;
constexpr off_t kReadWhollyBelow = off_t{64} << 20U;
constexpr time_t kDay = 86400;

struct Entry {
  std::string name;
  unsigned char type;
};

struct Segment {
  off_t begin;
  off_t end;
};

std::string describe_time(const timespec& time) {
  if (std::abs(time.tv_sec - ::time(nullptr)) < kDay) return "now";
  return fmt::format("{}.{:09}", time.tv_sec, time.tv_nsec);
}

OpResult read_entries(const char* path, std::vector<Entry>& entries) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path), closedir);
  if (!directory) return {.error = errno};
  errno = 0;
  while (const dirent* entry = readdir(directory.get()))
    entries.push_back({entry->d_name, entry->d_type});
  if (errno != 0) return {.error = errno};
  std::ranges::sort(entries, {}, &Entry::name);
  return {};
}

off_t round_up(off_t value) {
  return (value + kPage - 1) / kPage * kPage;
}

// Data segments rounded outwards to pages, neighbours joined, cut at the end of the file.
OpResult data_segments(int descriptor, std::vector<Segment>& segments) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0) return {.error = errno};
  for (off_t at = 0; at < status.st_size;) {
    const off_t begin = lseek(descriptor, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;
    if (begin < 0) return {.error = errno};
    const off_t end = lseek(descriptor, begin, SEEK_HOLE);
    if (end <= begin) return {.error = end < 0 ? errno : EPROTO};
    const Segment segment{begin / kPage * kPage, std::min(round_up(end), status.st_size)};
    if (!segments.empty() && segments.back().end >= segment.begin)
      segments.back().end = std::max(segments.back().end, segment.end);
    else
      segments.push_back(segment);
    at = end;
  }
  return {};
}

bool inside(const std::vector<Segment>& segments, off_t at) {
  return std::ranges::any_of(
      segments, [at](const Segment& segment) { return segment.begin <= at && at < segment.end; });
}

// Digests the non-zero bytes with their positions, so that holes and zeroes are the same.
class SparseDigest {
 public:
  OpResult add_range(int descriptor, off_t begin, off_t end) {
    std::vector<std::byte> buffer(kChunk);
    while (begin < end) {
      const auto wanted = std::min<std::size_t>(kChunk, static_cast<std::size_t>(end - begin));
      const ssize_t got = pread(descriptor, buffer.data(), wanted, begin);
      if (got < 0) return {.error = errno};
      if (got == 0) return {.error = ENODATA};
      add_pages(std::span(buffer).first(static_cast<std::size_t>(got)), begin);
      begin += got;
    }
    return {};
  }
  [[nodiscard]] std::string text() const { return digest_.text(); }
  [[nodiscard]] const std::vector<off_t>& pages() const { return pages_; }

 private:
  void add_pages(std::span<const std::byte> bytes, off_t at) {
    while (!bytes.empty()) {
      const auto room = static_cast<std::size_t>(kPage - at % kPage);
      const auto page = bytes.first(std::min(room, bytes.size()));
      if (!all_zero(page)) {
        digest_.add(static_cast<std::uint64_t>(at));
        digest_.add(page);
        pages_.push_back(at);
      }
      bytes = bytes.subspan(page.size());
      at += static_cast<off_t>(page.size());
    }
  }

  Digest digest_;
  std::vector<off_t> pages_;
};

std::string describe_segments(const std::vector<Segment>& segments) {
  std::string text = "map:";
  for (const Segment& segment : segments) text += fmt::format("{}-{},", segment.begin, segment.end);
  return text;
}

// Small files are read completely, which also shows data that SEEK_DATA would have missed.
std::string describe_content(const Session& session, const char* path, off_t size) {
  const UniqueFd file(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) return fmt::format("open:{}", errno);
  std::vector<Segment> segments;
  if (auto mapped = data_segments(file.get(), segments); mapped.error != 0)
    return fmt::format("map-failed:{}", mapped.error);
  SparseDigest digest;
  const std::vector<Segment> ranges =
      size < kReadWhollyBelow ? std::vector{Segment{0, size}} : segments;
  for (const Segment& range : ranges)
    if (auto read = digest.add_range(file.get(), range.begin, range.end); read.error != 0)
      return fmt::format("read-failed:{}", read.error);
  for (const off_t page : digest.pages())
    if (!inside(segments, page)) return fmt::format("data-at-{}-called-a-hole", page);
  if (session.is_preallocated(file.get())) return digest.text() + " map:preallocated";
  return digest.text() + " " + describe_segments(segments);
}

std::string describe_target(const char* path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlink(path, target.data(), target.size());
  if (length < 0) return fmt::format("readlink:{}", errno);
  target.resize(static_cast<std::size_t>(length));
  return "->" + encode(target);
}

std::string describe_attribute(const char* path, const char* name) {
  std::vector<std::byte> value(XATTR_SIZE_MAX);
  const ssize_t size = lgetxattr(path, name, value.data(), value.size());
  if (size < 0) return fmt::format("{}=error {};", encode(name), errno);
  const auto bytes = std::span<const std::byte>(value).first(static_cast<std::size_t>(size));
  return fmt::format("{}={}:{};", encode(name), size, digest_of(bytes));
}

class TreeDump {
 public:
  explicit TreeDump(const Session& session) : session_(session) {}

  void walk(const std::string& path) {
    print_object(path);
    if (!is_directory(path)) return;
    std::vector<Entry> entries;
    if (auto read = read_entries(path.c_str(), entries); read.error != 0)
      fmt::print("T {} readdir-failed:{}\n", encode(path), read.error);
    const std::string* last = nullptr;
    for (const Entry& entry : entries) {
      if (last != nullptr && *last == entry.name)
        fmt::print("T {} duplicate:{}\n", encode(path), encode(entry.name));
      last = &entry.name;
      if (entry.name != "." && entry.name != "..") walk(path + "/" + entry.name);
    }
  }

 private:
  static bool is_directory(const std::string& path) {
    struct stat status{};
    return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  }

  void print_object(const std::string& path) const {
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0) {
      fmt::print("T {} lstat-failed:{}\n", encode(path), errno);
      return;
    }
    std::string extra = "-";
    if (S_ISREG(status.st_mode)) extra = describe_content(session_, path.c_str(), status.st_size);
    if (S_ISLNK(status.st_mode)) extra = describe_target(path.c_str());
    fmt::print("T {} {} {} {}\n", encode(path), describe_status(status),
               describe_attributes(path.c_str()), extra);
  }

  const Session& session_;
};

}  // namespace

std::string describe_status(const struct stat& status) {
  const bool directory = S_ISDIR(status.st_mode);  // its size depends on the filesystem
  return fmt::format("mode={:o} links={} owner={}:{} size={} device={}:{} modified={} accessed={}",
                     status.st_mode, status.st_nlink, status.st_uid, status.st_gid,
                     directory ? 0 : status.st_size, major(status.st_rdev), minor(status.st_rdev),
                     describe_time(status.st_mtim), describe_time(status.st_atim));
}

std::string describe_attributes(const char* path) {
  std::vector<char> names(XATTR_LIST_MAX);
  const ssize_t size = llistxattr(path, names.data(), names.size());
  if (size < 0) return fmt::format("listxattr:{}", errno);
  std::vector<std::string> described;
  for (const char* name = names.data(); name < names.data() + size; name += std::strlen(name) + 1)
    described.push_back(describe_attribute(path, name));
  std::ranges::sort(described);
  std::string text = "attributes:";
  for (const std::string& attribute : described) text += attribute;
  return text;
}

OpResult describe_directory(const char* path) {
  std::vector<Entry> entries;
  if (auto read = read_entries(path, entries); read.error != 0) return read;
  Digest digest;
  for (const Entry& entry : entries) {
    digest.add(std::as_bytes(std::span(entry.name)));
    digest.add(std::uint64_t{entry.type});
  }
  return {.value = fmt::format("{}:{}", entries.size(), digest.text())};
}

OpResult describe_map(int descriptor) {
  std::vector<Segment> segments;
  if (auto mapped = data_segments(descriptor, segments); mapped.error != 0) return mapped;
  return {.value = describe_segments(segments)};
}

OpResult dump_tree(Session& session, const OpLine&) {
  const UniqueFd here(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!here.valid() || syncfs(here.get()) != 0) return {.error = errno};
  TreeDump(session).walk(".");
  return {};
}

}  // namespace airlock::test
