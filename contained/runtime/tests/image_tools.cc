// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/tests/image_tools.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace airlock {
namespace {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "airlock-image-XXXXXX").string();
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

int run(const TempFolder& folder, const std::string& command) {
  const int status =
      std::system(fmt::format("PATH=$PATH:/usr/sbin:/sbin image='{}'; {{ {}; }} >'{}' 2>&1",
                              folder.file("image"), command, folder.file("log"))
                      .c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string report_in(const TempFolder& folder) {
  std::ifstream file(folder.file("log"), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::byte> image_in(const TempFolder& folder) {
  const std::string path = folder.file("image");
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

}  // namespace

std::vector<std::byte> image_made_by(const std::string& command) {
  const TempFolder folder;
  if (run(folder, command) != 0)
    throw std::runtime_error(fmt::format("{}: {}", command, report_in(folder)));
  return image_in(folder);
}

Verdict image_given_to(const std::string& command, std::span<const std::byte> image) {
  const TempFolder folder;
  {
    std::ofstream file(folder.file("image"), std::ios::binary);
    file.write(reinterpret_cast<const char*>(image.data()),
               static_cast<std::streamsize>(image.size()));
  }
  const int status = run(folder, command);
  return {.status = status, .report = report_in(folder), .image = image_in(folder)};
}

}  // namespace airlock
