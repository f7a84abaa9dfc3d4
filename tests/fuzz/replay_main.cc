// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a fuzz target on the files, and on every file in the directories, given on the command line.
// This tests a corpus with any compiler; finding new inputs needs libFuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int replay_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  if (!file.good() && !file.eof()) return 0;
  const std::vector<std::uint8_t> bytes(content.begin(), content.end());
  (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());  // always 0; it aborts on a finding
  return 1;
}

int replay(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return replay_file(path);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files += replay_file(entry.path());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) files += replay(argv[i]);
  std::printf("%d inputs\n", files);
  // A missing corpus must not pass for a good one.
  return files > 0 ? 0 : 1;
}
