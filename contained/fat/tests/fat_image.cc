// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/tests/fat_image.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace airlock::fat {
namespace {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "airlock-fat-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;  // a leftover fails no test
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

int run(const std::string& command) {
  const int status = std::system(("PATH=$PATH:/usr/sbin:/sbin " + command).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<std::byte> make_fat_image(const std::string& options, unsigned kibibytes) {
  const TempFolder folder;
  const std::string path = folder.file("image");
  const std::string log = folder.file("log");
  constexpr std::string_view kExfat = "exfat";
  std::string command = fmt::format("mkfs.fat {} -C {} {}", options, path, kibibytes);
  if (options.starts_with(kExfat)) {
    std::ofstream(path, std::ios::binary).close();
    std::filesystem::resize_file(path, std::uintmax_t{kibibytes} * 1024);
    command = fmt::format("mkfs.exfat {} {}", options.substr(kExfat.size()), path);
  }
  if (run(fmt::format("{} >{} 2>&1", command, log)) != 0)
    throw std::runtime_error(fmt::format("{}: {}", command, slurp(log)));
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

Verdict fsck_fat(std::span<const std::byte> image) {
  const TempFolder folder;
  const std::string path = folder.file("image");
  const std::string log = folder.file("log");
  {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(image.data()),
               static_cast<std::streamsize>(image.size()));
  }
  const bool exfat = std::memcmp(image.data() + 3, "EXFAT", 5) == 0;
  const int status =
      run(fmt::format("{} -n {} >{} 2>&1", exfat ? "fsck.exfat" : "fsck.fat", path, log));
  return {.status = status, .report = slurp(log)};
}

}  // namespace airlock::fat
