// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "daemon/people/user_file.h"

namespace airlock {
namespace {

constexpr auto kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "alice:x:1000:100:Alice,,,:/home/alice:/bin/bash\n"
    "twin:x:1000:1:second of the same number:/:/bin/sh\n"
    "../etc:x:1001:1001::/:/bin/sh\n"
    "+::::::\n"
    "broken:x:12abc:5::/:/bin/sh\n"
    "short:x\n"
    ":x:1002:1002::/:/bin/sh\n"
    "huge:x:4294967296:5::/:/bin/sh\n"
    "last:x:1003:1003::/:/bin/sh";

TEST(UserFile, TheFirstLineOfANumberCounts) {
  const auto alice = find_user(kPasswd, 1000);
  ASSERT_TRUE(alice.has_value());
  EXPECT_EQ(alice->name, "alice");
  EXPECT_EQ(alice->group, 100U);
}

TEST(UserFile, RootAndALastLineWithoutNewlineAreFound) {
  EXPECT_EQ(find_user(kPasswd, 0)->name, "root");
  EXPECT_EQ(find_user(kPasswd, 1003)->name, "last");
}

TEST(UserFile, AnUnsafeNameIsLeftOutAndItsUserIsNot) {
  const auto user = find_user(kPasswd, 1001);
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "");
  EXPECT_EQ(user->group, 1001U);
}

TEST(UserFile, BrokenLinesAreNobody) {
  for (const uid_t user : {12U, 1002U, 5U, 4294967295U})
    EXPECT_FALSE(find_user(kPasswd, user).has_value()) << user;
  EXPECT_FALSE(find_user("", 0).has_value());
  EXPECT_FALSE(find_user("\n\n:::", 0).has_value());
}

TEST(UserFile, SafeNamesAreOnePartOfAPath) {
  for (const char* name : {"alice", "_apt", "a.b-c_d", "0day", "A", "joe@example.org"})
    EXPECT_TRUE(is_safe_user_name(name)) << name;
  for (const char* name : {"", ".", "..", ".hidden", "-rf", "a/b", "a b", "a\n", "host$", "ä",
                           "a:b", "@joe", "DOMAIN\\joe"})
    EXPECT_FALSE(is_safe_user_name(name)) << name;
  EXPECT_TRUE(is_safe_user_name(std::string(128, 'a')));
  EXPECT_FALSE(is_safe_user_name(std::string(129, 'a')));
  EXPECT_FALSE(is_safe_user_name(std::string_view("a\0b", 3)));
}

class UserFileOnDisk : public testing::Test {
 protected:
  UserFileOnDisk() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~UserFileOnDisk() override {
    (void)::unlink(path().c_str());
    (void)::rmdir(folder_.c_str());
  }
  [[nodiscard]] std::string path() const { return folder_ + "/passwd"; }
  void write(const std::string& text) const { std::ofstream(path()) << text; }

 private:
  std::string folder_ = "/tmp/airlock-people-XXXXXX";
};

TEST_F(UserFileOnDisk, AUserMadeAMomentAgoIsThere) {
  const UserFile file(path());
  write("alice:x:1000:1000::/:/bin/sh\n");
  EXPECT_FALSE(file.find(1001));
  write("alice:x:1000:1000::/:/bin/sh\nbob:x:1001:1002::/:/bin/sh\n");
  EXPECT_EQ(file.find(1001)->name, "bob");
  EXPECT_EQ(file.find(1001)->group, 1002U);
}

TEST_F(UserFileOnDisk, SomebodyWhoIsNotInTheFileIsNotMadeUp) {
  write("alice:x:1000:1000::/:/bin/sh\n");
  EXPECT_FALSE(UserFile(path()).find(4711));
  EXPECT_FALSE(UserFile(path() + "-missing").find(0));
}

TEST_F(UserFileOnDisk, APipeInItsPlaceMakesNobodyWait) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_FALSE(UserFile(path()).find(0));
}

TEST_F(UserFileOnDisk, AHugeFileIsNotRead) {
  write(std::string(5U << 20, '\n') + "alice:x:1000:1000::/:/bin/sh\n");
  EXPECT_FALSE(UserFile(path()).find(1000));
}

}  // namespace
}  // namespace airlock
