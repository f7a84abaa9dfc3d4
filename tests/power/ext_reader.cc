// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/ext_reader.h"

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

namespace airlock::power {
namespace {

struct Entry {
  std::string name;
  ext2_ino_t inode = 0;
};

int add_entry(ext2_dir_entry* record, int, int, char*, void* entries) {
  const std::string name(record->name, static_cast<std::size_t>(ext2fs_dirent_name_len(record)));
  if (name != "." && name != "..")
    static_cast<std::vector<Entry>*>(entries)->push_back({name, record->inode});
  return 0;
}

class Reader {
 public:
  explicit Reader(ext2_filsys fs) : fs_(fs) {}

  std::string read(ExtReading& reading) { return read_folder(EXT2_ROOT_INO, "", reading.tree); }

 private:
  std::string read_folder(ext2_ino_t inode, const std::string& path, Tree& tree) {
    if (std::ranges::count(path, '/') > kDeepest) return path + " lies too deep";
    std::vector<Entry> entries;
    if (const errcode_t error = ext2fs_dir_iterate(fs_, inode, 0, nullptr, add_entry, &entries))
      return fmt::format("the folder \"{}\": {}", path, error_message(error));
    for (const Entry& entry : entries) {
      if (path.empty() && entry.name == "lost+found") continue;
      if (auto wrong = read_entry(entry, path + '/' + entry.name, tree); !wrong.empty())
        return wrong;
    }
    return {};
  }

  std::string read_entry(const Entry& entry, const std::string& path, Tree& tree) {
    ext2_inode inode = {};
    if (const errcode_t error = ext2fs_read_inode(fs_, entry.inode, &inode))
      return fmt::format("{}: {}", path, error_message(error));
    if (S_ISDIR(inode.i_mode)) {
      tree.push_back({.path = path, .folder = true, .content = {}});
      return read_folder(entry.inode, path, tree);
    }
    if (!S_ISREG(inode.i_mode)) return fmt::format("{} is neither file nor folder", path);
    Found found = {.path = path, .content = {}, .identity = entry.inode};
    if (auto wrong = read_file(entry.inode, path, found.content); !wrong.empty()) return wrong;
    tree.push_back(std::move(found));
    return {};
  }

  std::string read_file(ext2_ino_t inode, const std::string& path, std::string& content) {
    ext2_file_t file = nullptr;
    errcode_t error = ext2fs_file_open(fs_, inode, 0, &file);
    if (error != 0) return fmt::format("{}: {}", path, error_message(error));
    __u64 size = 0;
    error = ext2fs_file_get_lsize(file, &size);
    if (error == 0 && size > kLargestFile) {
      (void)ext2fs_file_close(file);
      return fmt::format("{} has {} bytes", path, size);
    }
    content.resize(size);
    for (std::size_t done = 0; error == 0 && done < size;) {
      unsigned got = 0;
      error =
          ext2fs_file_read(file, content.data() + done, static_cast<unsigned>(size - done), &got);
      if (got == 0) break;
      done += got;
    }
    (void)ext2fs_file_close(file);
    return error == 0 ? "" : fmt::format("{}: {}", path, error_message(error));
  }

  static constexpr std::ptrdiff_t kDeepest = 50;
  static constexpr std::size_t kLargestFile = std::size_t{1} << 24;
  ext2_filsys fs_;
};

}  // namespace

ExtReading read_ext(const std::string& file) {
  ExtReading reading;
  ext2_filsys fs = nullptr;
  if (const errcode_t error = ext2fs_open(file.c_str(), 0, 0, 0, unix_io_manager, &fs)) {
    reading.wrong = fmt::format("it cannot be opened: {}", error_message(error));
    return reading;
  }
  reading.wrong = Reader(fs).read(reading);
  (void)ext2fs_close_free(&fs);
  return reading;
}

}  // namespace airlock::power
