// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace airlock {

// Its own tmpfs in its own mount namespace: everything that a test leaves behind goes with it.
class PlacesRunAsRoot : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    std::string name = testing::TempDir() + "airlock-places-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    ASSERT_EQ(::mount("tmpfs", root_.c_str(), "tmpfs", 0, "mode=755"), 0);
  }
  void TearDown() override {
    (void)::umount2(root_.c_str(), MNT_DETACH);
    std::filesystem::remove(root_);
  }

  // Runs the work in a process of that user and returns its exit code.
  static int as_user(uid_t user, const std::function<int()>& work) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const bool changed = ::setgroups(0, nullptr) == 0 && ::setresgid(user, user, user) == 0 &&
                           ::setresuid(user, user, user) == 0;
      ::_exit(changed ? work() : 99);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  static struct stat status(const std::filesystem::path& path) {
    struct stat info = {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info;
  }

  std::filesystem::path root_;
};

}  // namespace airlock
