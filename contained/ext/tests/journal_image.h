// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "contained/ext/journal.h"

namespace airlock::ext::test {

// Image files for the journal tests: made by mkfs, with a file "victim" whose data blocks stand for
// the metadata a driver would commit, so that overwriting them breaks nothing. The file goes with
// the object.
class JournalImage {
 public:
  // Aborts the test run with a message if mkfs fails. Size in the form of mkfs, "64M".
  JournalImage(const std::string& mkfs_options, const std::string& size,
               std::uint32_t victim_kib = 900);
  ~JournalImage();
  JournalImage(const JournalImage&) = delete;
  JournalImage& operator=(const JournalImage&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const JournalGeometry& geometry() const { return geometry_; }
  [[nodiscard]] const std::vector<std::uint64_t>& victim_blocks() const { return victim_blocks_; }
  [[nodiscard]] std::filesystem::path beside(const std::string& name) const { return dir_ / name; }

  // The steps of a driver before its first commit; also reads the flag.
  void set_needs_recovery() const;
  [[nodiscard]] bool needs_recovery() const;

 private:
  void look_inside();

  std::filesystem::path dir_;
  std::filesystem::path path_;
  JournalGeometry geometry_;
  std::vector<std::uint64_t> victim_blocks_;
};

// The exit status of a shell command; its output goes to the log of the test only on request.
int run(const std::string& command);
// e2fsck -fy reports that it corrected something or had nothing to do.
bool check_and_repair(const std::filesystem::path& image);
// A second, read-only check finds nothing at all.
bool is_spotless(const std::filesystem::path& image);

DescriptorIo open_image(const std::filesystem::path& path);

// The content of block number `index` of the victim in a given state; every fifth begins with the
// journal's magic.
std::vector<std::byte> pattern(std::uint32_t block_size, std::uint32_t state, std::uint32_t index);

}  // namespace airlock::ext::test
