// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/options.h"

namespace airlock {
namespace {

using Words = std::vector<std::string>;

TEST(CoreOptions, NothingGivenIsTheInstalledDaemon) {
  const auto options = parse_daemon_options(Words{});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->state_directory, "/run/airlock");
  EXPECT_FALSE(options->idle_exit.has_value());
  EXPECT_FALSE(options->verbose);
}

TEST(CoreOptions, ValuesStandBehindTheirOptionOrInIt) {
  const auto options =
      parse_daemon_options(Words{"--idle-exit", "0", "--mount-base=/mnt", "--state-dir", "/tmp/x",
                                 "--verbose", "--settings-dir=/tmp/s", "--death-grace", "5"});
  ASSERT_TRUE(options.has_value()) << options.error().message();
  EXPECT_EQ(options->idle_exit, std::chrono::seconds(0));
  EXPECT_EQ(options->mount_base, "/mnt");
  EXPECT_EQ(options->state_directory, "/tmp/x");
  EXPECT_EQ(options->settings_directory, "/tmp/s");
  EXPECT_EQ(options->death_grace, std::chrono::seconds(5));
  EXPECT_TRUE(options->verbose);
}

TEST(CoreOptions, WhatMakesNoSenseIsNamed) {
  const std::vector<std::pair<Words, std::string>> wrong = {
      {{"--idle"}, "\"--idle\""},
      {{"--idle-exit"}, "needs a value"},
      {{"--idle-exit", "soon"}, "\"soon\""},
      {{"--idle-exit", "-1"}, "\"-1\""},
      {{"--idle-exit", "99999999999999999999"}, "number of seconds"},
      {{"--mount-base", "media"}, "absolute"},
      {{"--verbose=yes"}, "takes no value"},
      {{"stick"}, "\"stick\""},
  };
  for (const auto& [words, expected] : wrong) {
    const auto options = parse_daemon_options(words);
    ASSERT_FALSE(options.has_value()) << words.front();
    EXPECT_NE(options.error().message().find(expected), std::string::npos)
        << options.error().message();
  }
}

TEST(CoreOptions, TheHelpNamesEveryOption) {
  for (const char* option : {"--idle-exit", "--mount-base", "--state-dir", "--settings-dir",
                             "--death-grace", "--verbose", "--help", "--version"})
    EXPECT_NE(daemon_help().find(option), std::string::npos) << option;
}

}  // namespace
}  // namespace airlock
