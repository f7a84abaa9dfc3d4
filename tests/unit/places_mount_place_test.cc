// SPDX-License-Identifier: GPL-2.0-or-later
// Places of mounts on a real tmpfs, with real users who try to get in or in the way.
#include <dirent.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <set>

#include "daemon/places/mount_place.h"
#include "places_fixture.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kJoe = 4711;
constexpr uid_t kAnn = 4712;

class MountPlace : public PlacesRunAsRoot {
 protected:
  void SetUp() override {
    PlacesRunAsRoot::SetUp();
    base_ = root_ / "media";
  }

  [[nodiscard]] PlaceRequest request(const std::string& folder = "STICK") const {
    return {.base = base_, .user = kJoe, .group = kJoe, .user_name = "joe", .folder = folder};
  }
  std::string make(const std::string& folder = "STICK") const {
    auto place = make_mount_place(request(folder));
    EXPECT_TRUE(place.has_value()) << place.error().message();
    return place.value_or("");
  }

  static Errc code_of(const Result<std::string>& result) {
    EXPECT_FALSE(result.has_value()) << *result;
    return result ? Errc::kSystem : result.error().code;
  }

  fs::path base_;
};

using MountPlaceRunAsRoot = MountPlace;

int can_list(const fs::path& folder) {
  DIR* stream = ::opendir(folder.c_str());
  if (stream == nullptr) return errno;
  ::closedir(stream);
  return 0;
}

TEST_F(MountPlaceRunAsRoot, IsRootsAndClosedUntilSomethingIsMounted) {
  const fs::path place = make();
  EXPECT_EQ(place, base_ / "joe/STICK");
  EXPECT_EQ(status(place).st_mode, S_IFDIR | 0U);
  EXPECT_EQ(status(place).st_uid, 0U);
  EXPECT_EQ(status(base_).st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(status(base_ / "joe").st_mode, S_IFDIR | 0750U);
  EXPECT_EQ(status(base_ / "joe").st_uid, 0U);
  EXPECT_EQ(status(base_ / "joe").st_gid, 0U);
}

TEST_F(MountPlaceRunAsRoot, TheMaskOfTheProcessChangesNothing) {
  for (const mode_t mask : {0U, 0777U}) {
    const mode_t before = ::umask(mask);
    const std::string place = make(fmt::format("mask-{}", mask));
    (void)::umask(before);
    EXPECT_EQ(status(place).st_mode, S_IFDIR | 0U);
    EXPECT_EQ(status(base_).st_mode, S_IFDIR | 0755U);
    EXPECT_EQ(status(base_ / "joe").st_mode, S_IFDIR | 0750U);
    ASSERT_TRUE(remove_mount_place(base_, place));
    fs::remove(base_);
  }
}

TEST_F(MountPlaceRunAsRoot, OnlyItsUserCanLookIntoTheUsersFolder) {
  const fs::path place = make();
  // Stands in for a mounted volume.
  ASSERT_EQ(::mount("tmpfs", place.c_str(), "tmpfs", 0, "mode=777"), 0);
  std::ofstream(place / "file") << "text";
  const auto reads = [&] { return std::ifstream(place / "file").good() ? 0 : 1; };
  const auto lists = [&] { return can_list(base_ / "joe"); };
  EXPECT_EQ(as_user(kJoe, reads), 0);
  EXPECT_EQ(as_user(kJoe, lists), 0);
  EXPECT_EQ(as_user(kAnn, reads), 1);
  EXPECT_EQ(as_user(kAnn, lists), EACCES);
  ASSERT_EQ(::umount2(place.c_str(), 0), 0);
  EXPECT_EQ(as_user(kJoe, [&] { return can_list(place); }), EACCES) << "nothing is mounted";
}

TEST_F(MountPlaceRunAsRoot, NotEvenItsUserCanChangeWhatIsThere) {
  const fs::path place = make();
  const fs::path user_folder = base_ / "joe";
  const auto attack = [&] {
    int done = 0;
    for (int round = 0; round < 200; ++round) {
      done += ::rename(place.c_str(), (user_folder / "moved").c_str()) == 0 ? 1 : 0;
      done += ::rmdir(place.c_str()) == 0 ? 1 : 0;
      done += ::symlink("/etc", (user_folder / "STICK1").c_str()) == 0 ? 1 : 0;
      done += ::mkdir((user_folder / "STICK2").c_str(), 0777) == 0 ? 1 : 0;
      done += ::chmod(user_folder.c_str(), 0777) == 0 ? 1 : 0;
      done += ::chmod(place.c_str(), 0777) == 0 ? 1 : 0;
      done += ::rename(user_folder.c_str(), (base_ / "other").c_str()) == 0 ? 1 : 0;
      done += ::symlink("/etc", (base_ / "ann").c_str()) == 0 ? 1 : 0;
      done += ::removexattr(user_folder.c_str(), "system.posix_acl_access") == 0 ? 1 : 0;
    }
    return done > 100 ? 100 : done;
  };
  EXPECT_EQ(as_user(kJoe, attack), 0);
  EXPECT_EQ(as_user(kAnn, attack), 0);
  EXPECT_EQ(make(), base_ / "joe/STICK1");
}

TEST_F(MountPlaceRunAsRoot, TwoUsersHaveTheirOwnFolders) {
  PlaceRequest ann = request();
  ann.user = ann.group = kAnn;
  ann.user_name = "ann";
  EXPECT_EQ(make(), base_ / "joe/STICK");
  EXPECT_EQ(make_mount_place(ann).value_or(""), base_ / "ann/STICK");
  EXPECT_EQ(as_user(kJoe, [&] { return can_list(base_ / "ann"); }), EACCES);
  EXPECT_EQ(as_user(kAnn, [&] { return can_list(base_ / "ann"); }), 0);
}

TEST_F(MountPlaceRunAsRoot, AnotherUserOfTheSameNameIsLetInInsteadAndNotBesides) {
  make();
  PlaceRequest renamed = request();
  renamed.user = renamed.group = kAnn;
  ASSERT_TRUE(make_mount_place(renamed));
  EXPECT_EQ(as_user(kJoe, [&] { return can_list(base_ / "joe"); }), EACCES);
  EXPECT_EQ(as_user(kAnn, [&] { return can_list(base_ / "joe"); }), 0);
}

TEST_F(MountPlaceRunAsRoot, AFolderLeftOpenByAKilledMakerIsClosed) {
  fs::create_directories(base_ / "joe");
  fs::permissions(base_ / "joe", fs::perms::all);
  make();
  EXPECT_EQ(status(base_ / "joe").st_mode, S_IFDIR | 0750U);
  EXPECT_EQ(as_user(kAnn, [&] { return can_list(base_ / "joe"); }), EACCES);
}

TEST_F(MountPlaceRunAsRoot, TakenNamesGetANumber) {
  EXPECT_EQ(make(), base_ / "joe/STICK");
  EXPECT_EQ(make(), base_ / "joe/STICK1");
  std::ofstream(base_ / "joe/STICK2") << "a file";
  fs::create_symlink("/etc", base_ / "joe/STICK3");
  fs::create_symlink("nowhere", base_ / "joe/STICK4");
  fs::create_directory(base_ / "joe/STICK5");
  ASSERT_EQ(::chown((base_ / "joe/STICK5").c_str(), kAnn, kAnn), 0);
  EXPECT_EQ(make(), base_ / "joe/STICK6");
  EXPECT_FALSE(fs::exists(base_ / "joe/nowhere"));
}

TEST_F(MountPlaceRunAsRoot, NumbersEnd) {
  for (int i = 0; i < 100; ++i) make();
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kLimitExceeded);
}

TEST_F(MountPlaceRunAsRoot, ALongNameStaysWithinTheLimitAndKeepsItsCharactersWhole) {
  std::string name(253, 'x');
  name += "\u00e9";  // two bytes: the 255th byte is its second
  ASSERT_EQ(name.size(), 255U);
  EXPECT_EQ(make(name), base_ / "joe" / name);
  EXPECT_EQ(make(name), base_ / "joe" / (std::string(253, 'x') + "1"));
  EXPECT_EQ(code_of(make_mount_place(request(name + "x"))), Errc::kInvalidArgument);
}

TEST_F(MountPlaceRunAsRoot, NamesAreOneComponent) {
  const std::string with_nul("a\0b", 3);
  for (const std::string& name : {std::string(), std::string("."), std::string(".."),
                                  std::string("a/b"), std::string("/etc"), with_nul}) {
    EXPECT_EQ(code_of(make_mount_place(request(name))), Errc::kInvalidArgument) << name;
    PlaceRequest odd_user = request();
    odd_user.user_name = name;
    EXPECT_EQ(code_of(make_mount_place(odd_user)), Errc::kInvalidArgument) << name;
  }
  EXPECT_FALSE(fs::exists(base_));
}

TEST_F(MountPlaceRunAsRoot, TheBaseMustBeRootsAlone) {
  fs::create_directory(base_);
  ASSERT_EQ(::chmod(base_.c_str(), 0775), 0);
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  ASSERT_EQ(::chmod(base_.c_str(), 01777), 0);
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
  ASSERT_EQ(::chown(base_.c_str(), kJoe, kJoe), 0);
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  EXPECT_TRUE(fs::is_empty(base_));
}

TEST_F(MountPlaceRunAsRoot, WhatLeadsToTheBaseMustBeRootsToo) {
  fs::create_directory(root_ / "home");
  ASSERT_EQ(::chown((root_ / "home").c_str(), kJoe, kJoe), 0);
  base_ = root_ / "home/media";
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  fs::create_directory(root_ / "real");
  fs::create_directory_symlink(root_ / "real", root_ / "link");
  base_ = root_ / "link";
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  base_ = root_ / "link/media";
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  base_ = "media";
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kInvalidArgument);
  base_ = root_ / "missing/media";
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotFound);
}

TEST_F(MountPlaceRunAsRoot, WhatIsInTheWayOfTheUsersFolderIsNotUsed) {
  fs::create_directory(base_);
  fs::create_directory_symlink("/etc", base_ / "joe");
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  fs::remove(base_ / "joe");
  std::ofstream(base_ / "joe") << "a file";
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  fs::remove(base_ / "joe");
  fs::create_directory(base_ / "joe");
  ASSERT_EQ(::chown((base_ / "joe").c_str(), kJoe, kJoe), 0);
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kNotPermitted);
  EXPECT_TRUE(fs::is_empty(base_ / "joe"));
  ASSERT_EQ(::chown((base_ / "joe").c_str(), 0, 0), 0);
  ASSERT_EQ(::mount("tmpfs", (base_ / "joe").c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(code_of(make_mount_place(request())), Errc::kBusy);
  EXPECT_TRUE(fs::is_empty(base_ / "joe"));
}

TEST_F(MountPlaceRunAsRoot, WithoutAccessListsTheUsersOwnGroupIsLetInOrNobody) {
  // ramfs has no extended attributes.
  fs::create_directory(base_);
  ASSERT_EQ(::mount("ramfs", base_.c_str(), "ramfs", 0, nullptr), 0);
  PlaceRequest shared = request();
  shared.group = 100;
  EXPECT_EQ(code_of(make_mount_place(shared)), Errc::kUnsupported);
  const fs::path place = make();
  EXPECT_EQ(status(base_ / "joe").st_uid, 0U);
  EXPECT_EQ(as_user(kJoe, [&] { return can_list(base_ / "joe"); }), 0);
  EXPECT_EQ(as_user(kAnn, [&] { return can_list(base_ / "joe"); }), EACCES);
  ASSERT_TRUE(remove_mount_place(base_, place));
  EXPECT_TRUE(fs::is_empty(base_));
}

TEST_F(MountPlaceRunAsRoot, TwoMakersNeverGetTheSameFolder) {
  // Makers race each other for names while removers remove the user's folder under them.
  constexpr int kMakers = 4;
  constexpr int kRounds = 60;
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe(go.data()), 0);
  std::array<pid_t, kMakers> makers{};
  for (pid_t& maker : makers) {
    maker = ::fork();
    if (maker != 0) continue;
    ::close(go[1]);
    char byte = 0;
    (void)!::read(go[0], &byte, 1);
    for (int round = 0; round < kRounds; ++round) {
      const auto place = make_mount_place(request());
      if (!place) ::_exit(1);
      // Unique: no other maker could create a file of this name exclusively before.
      const fs::path mark = fs::path(*place) / "mine";
      const int file = ::open(mark.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
      if (file < 0) ::_exit(2);
      ::close(file);
      if (::unlink(mark.c_str()) != 0) ::_exit(3);
      if (!remove_mount_place(base_, *place)) ::_exit(4);
    }
    ::_exit(0);
  }
  ::close(go[0]);
  ::close(go[1]);
  for (const pid_t maker : makers) {
    int ended = -1;
    ASSERT_EQ(::waitpid(maker, &ended, 0), maker);
    EXPECT_EQ(ended, 0) << WEXITSTATUS(ended);
  }
  EXPECT_TRUE(fs::is_empty(base_));
}

TEST_F(MountPlaceRunAsRoot, AUsersFolderTakenAwayWhileMakingIsMadeAgain) {
  struct Shared {
    std::atomic<bool> may_remove;
    std::atomic<int> removed;
  };
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto& shared = *new (memory) Shared{};
  const pid_t remover = ::fork();
  if (remover == 0) {
    for (;;) {
      if (!shared.may_remove || ::rmdir((base_ / "joe").c_str()) != 0) continue;
      shared.may_remove = false;  // once each round
      ++shared.removed;
    }
  }
  // As many rounds as needed: on a busy machine the other thread may not run for a while.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (int round = 0; round < 500 || shared.removed == 0; ++round) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "nobody took it away";
    shared.may_remove = true;
    const auto place = make_mount_place(request());
    shared.may_remove = false;
    ASSERT_TRUE(place.has_value()) << place.error().message();
    EXPECT_EQ(status(base_ / "joe").st_mode, S_IFDIR | 0750U);
    ASSERT_TRUE(remove_mount_place(base_, *place));
  }
  ASSERT_EQ(::kill(remover, SIGKILL), 0);
  ASSERT_EQ(::waitpid(remover, nullptr, 0), remover);
  EXPECT_GT(shared.removed, 0);
  ASSERT_EQ(::munmap(memory, sizeof(Shared)), 0);
}

TEST_F(MountPlaceRunAsRoot, RemovingTheLastFolderRemovesTheUsersToo) {
  const std::string first = make();
  const std::string second = make();
  ASSERT_TRUE(remove_mount_place(base_, first));
  EXPECT_FALSE(fs::exists(first));
  EXPECT_TRUE(fs::exists(second));
  ASSERT_TRUE(remove_mount_place(base_.string() + "/", second));
  EXPECT_FALSE(fs::exists(base_ / "joe"));
  EXPECT_TRUE(fs::exists(base_));
  EXPECT_TRUE(remove_mount_place(base_, second)) << "gone is what was asked for";
}

TEST_F(MountPlaceRunAsRoot, NothingMountedFullOrForeignIsRemoved) {
  const fs::path place = make();
  ASSERT_EQ(::mount("tmpfs", place.c_str(), "tmpfs", 0, "mode=0"), 0);
  auto removed = remove_mount_place(base_, place);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Errc::kBusy);
  ASSERT_EQ(::umount2(place.c_str(), 0), 0);
  std::ofstream(place / "file") << "text";
  removed = remove_mount_place(base_, place);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Errc::kBusy);
  EXPECT_TRUE(fs::exists(place / "file"));
  fs::create_directory(base_ / "joe/udisks");
  EXPECT_FALSE(remove_mount_place(base_, base_ / "joe/udisks")) << "not as we make them";
  EXPECT_TRUE(fs::exists(base_ / "joe/udisks"));
}

TEST_F(MountPlaceRunAsRoot, RemovingStaysBelowTheBaseAndFollowsNothing) {
  make();
  const fs::path outside = root_ / "outside";
  fs::create_directory(outside);
  fs::permissions(outside, fs::perms::none);
  fs::create_directory_symlink(outside, base_ / "joe/link");
  fs::create_directory_symlink(root_, base_ / "ann");
  for (const fs::path& path :
       {outside, base_, base_ / "joe", base_ / "joe/../../outside", base_ / "joe/STICK/../link",
        base_ / "joe/.", base_ / "joe/link", base_ / "ann/outside", fs::path("media/joe/STICK"),
        fs::path(base_.string() + "x/joe/STICK")})
    EXPECT_FALSE(remove_mount_place(base_, path)) << path;
  EXPECT_TRUE(fs::exists(outside));
  EXPECT_TRUE(fs::is_symlink(base_ / "joe/link"));
}

TEST_F(MountPlaceRunAsRoot, SweepingRemovesOnlyWhatEarlierRunsLeft) {
  const fs::path left = make("left");
  const fs::path kept = make("kept");
  const fs::path used = make("used");
  ASSERT_EQ(::mount("tmpfs", used.c_str(), "tmpfs", 0, "mode=0"), 0);
  fs::create_directory(base_ / "joe/udisks");  // 0755
  const fs::path foreign = make("foreign");
  ASSERT_EQ(::chown(foreign.c_str(), kJoe, kJoe), 0);
  fs::create_directory(base_ / "cdrom");
  fs::create_directories(base_ / "cdrom/closed");
  fs::permissions(base_ / "cdrom/closed", fs::perms::none);
  fs::create_directory_symlink(base_ / "cdrom", base_ / "link");
  PlaceRequest ann = request();
  ann.user = ann.group = kAnn;
  ann.user_name = "ann";
  ASSERT_TRUE(make_mount_place(ann));
  sweep_mount_places(base_, {kept});
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(kept));
  EXPECT_TRUE(fs::exists(used));
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_TRUE(fs::exists(base_ / "joe/udisks"));
  EXPECT_TRUE(fs::exists(base_ / "cdrom/closed")) << "the folder above is no user's";
  EXPECT_FALSE(fs::exists(base_ / "ann")) << "nothing was left in it";
  sweep_mount_places(root_ / "missing", {});
  EXPECT_FALSE(fs::exists(root_ / "missing"));
}

}  // namespace
}  // namespace airlock
