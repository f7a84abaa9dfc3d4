// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/tests/image_tools.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

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

int run(const std::string& image, const std::string& log, const std::string& command) {
  const int status =
      std::system(fmt::format("PATH=$PATH:/usr/sbin:/sbin image='{}'; {{ {}; }} >'{}' 2>&1", image,
                              command, log)
                      .c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string text_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
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
  const std::string log = folder.file("log");
  if (run(folder.file("image"), log, command) != 0)
    throw std::runtime_error(fmt::format("{}: {}", command, text_in(log)));
  return image_in(folder);
}

Verdict image_given_to(const std::string& command, std::span<const std::byte> image) {
  ScratchMedium medium(image);
  Opinion opinion = medium_given_to(command, medium);
  return {.status = opinion.status,
          .report = std::move(opinion.report),
          .image = {medium.bytes().begin(), medium.bytes().end()}};
}

Opinion medium_given_to(const std::string& command, ScratchMedium& medium) {
  const MemoryFile log;
  const int status = run(medium.path(), log.path(), command);
  return {.status = status, .report = text_in(log.path())};
}

}  // namespace airlock
