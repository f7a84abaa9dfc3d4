// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/socket_launcher.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace airlock {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;  // NOLINT: literals only

class SocketLauncherRunAsRoot : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "airlock-launch-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    first_ = (root_ / "first").string();
    second_ = (root_ / "second").string();
    fs::create_directory(first_);
    fs::create_directory(second_);
  }
  void TearDown() override { fs::remove_all(root_); }

  static UniqueFd listen_at(const fs::path& path, int type) {
    UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(
        ::bind(socket.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address),
        0);
    EXPECT_EQ(::listen(socket.get(), 4), 0);
    return socket;
  }
  Result<std::optional<ServiceConnection>> connect() {
    const std::vector<std::string> directories = {first_, second_};
    return connect_to_service(directories, "ext4", deadline_in(2s));
  }

  fs::path root_;
  std::string first_;
  std::string second_;
};

TEST_F(SocketLauncherRunAsRoot, WithoutASocketThereIsNoService) {
  const auto connection = connect();
  ASSERT_TRUE(connection);
  EXPECT_FALSE(*connection);
}

TEST_F(SocketLauncherRunAsRoot, TheFirstDirectoryWithASocketCounts) {
  const UniqueFd second = listen_at(second_ + "/ext4", SOCK_SEQPACKET);
  EXPECT_EQ((*connect())->directory, second_);
  const UniqueFd first = listen_at(first_ + "/ext4", SOCK_SEQPACKET);
  EXPECT_EQ((*connect())->directory, first_);
}

TEST_F(SocketLauncherRunAsRoot, WhatCannotBeUsedIsPassedOver) {
  const UniqueFd good = listen_at(second_ + "/ext4", SOCK_SEQPACKET);
  const fs::path path = first_ + "/ext4";
  std::ofstream{path};  // a plain file
  EXPECT_EQ((*connect())->directory, second_);
  fs::remove(path);
  {
    const UniqueFd stale = listen_at(path, SOCK_SEQPACKET);
  }
  EXPECT_EQ((*connect())->directory, second_) << "nobody listens";
  fs::remove(path);
  const UniqueFd stream = listen_at(path, SOCK_STREAM);
  EXPECT_EQ((*connect())->directory, second_) << "a stream socket";
  fs::remove(path);
  fs::create_symlink(second_ + "/ext4", path);
  EXPECT_EQ((*connect())->directory, second_) << "a symlink";
}

TEST_F(SocketLauncherRunAsRoot, ASocketOfSomebodyElseIsPassedOver) {
  const UniqueFd listener = listen_at(first_ + "/ext4", SOCK_SEQPACKET);
  ASSERT_EQ(::chown((first_ + "/ext4").c_str(), 65534, 65534), 0);
  const auto connection = connect();
  ASSERT_TRUE(connection);
  EXPECT_FALSE(*connection);
}

TEST_F(SocketLauncherRunAsRoot, TheUserWhoAnswersIsChecked) {
  const UniqueFd listener = listen_at(first_ + "/ext4", SOCK_SEQPACKET);
  const auto connection = connect();
  ASSERT_TRUE(connection && *connection);
  EXPECT_TRUE(require_peer((*connection)->channel.descriptor(), 0));
  EXPECT_FALSE(require_peer((*connection)->channel.descriptor(), 65534));
}

}  // namespace
}  // namespace airlock
