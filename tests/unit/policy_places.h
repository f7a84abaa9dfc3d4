// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "daemon/policy/settings_files.h"

namespace airlock::policy_test {

// The test's own settings folders of a vendor and an administrator.
class PlacesTest : public testing::Test {
 protected:
  PlacesTest() {
    std::string pattern = testing::TempDir() + "airlock-settings-XXXXXX";
    root_ = mkdtemp(pattern.data());
    places_ = {.vendor = root_ + "/usr", .admin = root_ + "/etc", .owner = getuid()};
  }
  ~PlacesTest() override { std::filesystem::remove_all(root_); }
  PlacesTest(const PlacesTest&) = delete;
  PlacesTest& operator=(const PlacesTest&) = delete;

  // "etc/airlock.toml", "usr/airlock.toml.d/10-x.toml": with the folders above it.
  void write(const std::string& name, std::string_view text) const {
    const std::string folder = std::filesystem::path(name).parent_path();
    if (!std::filesystem::exists(path(folder))) make_folder(folder);
    std::ofstream(path(name)) << text;
    chmod(path(name).c_str(), 0644);
  }
  void make_folder(const std::string& name) const {
    std::filesystem::create_directories(path(name));
    chmod(path(name).c_str(), 0755);
  }
  void remove(const std::string& name) const { std::filesystem::remove_all(path(name)); }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  // The error of a load, without the folder of the test.
  [[nodiscard]] std::string error_of(const SettingsLoad& load) const {
    if (!load.error) return "no error";
    std::string message = load.error->message();
    for (std::size_t at = message.find(root_); at != std::string::npos; at = message.find(root_))
      message.erase(at, root_.size());
    return message;
  }
  [[nodiscard]] std::string where(const Origin& origin) const {
    const std::string text = origin.text();
    return text.starts_with(root_) ? text.substr(root_.size()) : text;
  }

  std::string root_;
  SettingsPlaces places_;
};

}  // namespace airlock::policy_test
