// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "lib/base/journal.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

using namespace std::string_literals;

constexpr MessageId kSomething{"00000000000000000000000000000001"};

// A journal of the test's own.
class Journal : public testing::Test {
 protected:
  void SetUp() override {
    std::array<char, 32> pattern{};
    std::strcpy(pattern.data(), "/tmp/airlock-journal.XXXXXX");
    folder_ = ::mkdtemp(pattern.data());
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    journal_open(path());
    log_open("journal-test", LogLevel::kInfo);
  }
  void TearDown() override {
    journal_open(kJournalSocket);
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string path() const { return folder_ + "/socket"; }
  std::string received() {
    std::string entry(65536, '\0');
    const ssize_t length = ::recv(socket_.get(), entry.data(), entry.size(), MSG_DONTWAIT);
    entry.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return entry;
  }

  std::string folder_;
  UniqueFd socket_;
};

TEST_F(Journal, AnEntryCarriesItsFields) {
  const std::array fields = {LogField{"AIRLOCK_VOLUME", "sdb1"}, LogField{"AIRLOCK_EMPTY", ""}};
  log_event(LogLevel::kNotice, kSomething, "something happened", fields);
  EXPECT_EQ(received(),
            "MESSAGE=something happened\nPRIORITY=5\n"
            "MESSAGE_ID=00000000000000000000000000000001\nSYSLOG_IDENTIFIER=journal-test\n"
            "AIRLOCK_VOLUME=sdb1\n");
}

TEST_F(Journal, ANewlineInAValueMakesNoFieldOfItsOwn) {
  const std::array fields = {LogField{"AIRLOCK_LABEL", "a\nPRIORITY=0"}};
  log_event(LogLevel::kInfo, kSomething, "x", fields);
  EXPECT_NE(received().find("AIRLOCK_LABEL\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n"s),
            std::string::npos);
}

TEST_F(Journal, WhatIsBelowTheLevelIsNotSent) {
  log_event(LogLevel::kDebug, kSomething, "x", {});
  EXPECT_EQ(received(), "");
}

TEST_F(Journal, AFullJournalIsNotWaitedFor) {
  for (int i = 0; i < 2'000; ++i) log_event(LogLevel::kInfo, kSomething, "x", {});
  SUCCEED();  // it returned
}

TEST_F(Journal, AMissingJournalIsNoReasonToStop) {
  journal_open(folder_ + "/nothing");
  testing::internal::CaptureStderr();
  log_event(LogLevel::kInfo, kSomething, "still said", {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "journal-test: still said\n");
}

}  // namespace
}  // namespace airlock
