// SPDX-License-Identifier: GPL-2.0-or-later
//
// The control groups of workers: who is in one, what it stops, and that none is left.
#include "daemon/launch/worker_cgroup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "daemon/launch/group_home.h"
#include "tests/sandbox/hostile_runner.h"

namespace airlock::test {
namespace {

namespace fs = std::filesystem;

class WorkerGroup : public testing::Test {
 protected:
  static std::vector<std::string> paths_of(const WorkerCgroup& group) {
    std::vector<std::string> paths;
    for (const GroupFolder& folder : group.folders()) paths.push_back(folder.path);
    std::ranges::sort(paths);
    return paths;
  }

  static bool all_exist(const std::vector<std::string>& paths) {
    return !paths.empty() &&
           std::ranges::all_of(paths, [](auto& path) { return fs::exists(path); });
  }
  static bool none_exists(const std::vector<std::string>& paths) {
    return std::ranges::none_of(paths, [](auto& path) { return fs::exists(path); });
  }
};

// A process that does as it is told until it is killed.
class Child {
 public:
  explicit Child(auto body) : pid_(::fork()) {
    if (pid_ == 0) {
      body();
      ::_exit(0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

void wait_for_ever() {
  while (true) ::pause();
}

TEST_F(WorkerGroup, RunAsRootHoldsTheWorkerAndNobodyElse) {
  if (!is_possible_here()) return;
  Worker worker = start_hostile("confined", "stay");
  ASSERT_EQ(next_packet(worker.control()), "ready");
  for (const std::string& path : paths_of(worker.group()))
    EXPECT_EQ(text_of(path + "/cgroup.procs"), fmt::format("{}\n", worker.pid())) << path;
  // Whoever watches it later finds the same.
  EXPECT_EQ(paths_of(WorkerCgroup::of(worker.pid())), paths_of(worker.group()));
  EXPECT_TRUE(WorkerCgroup::of(::getpid()).folders().empty());
}

TEST_F(WorkerGroup, RunAsRootGoesWithTheWorker) {
  if (!is_possible_here()) return;
  Worker worker = start_hostile("confined", "stay");
  const auto paths = paths_of(worker.group());
  ASSERT_TRUE(all_exist(paths));
  worker.kill();
  ASSERT_TRUE(worker.wait(kPatience));
  EXPECT_TRUE(none_exists(paths));
}

// The groups in all homes. Other programs of ours may start workers at the same time.
std::set<std::string> groups_now() {
  std::set<std::string> groups;
  for (const GroupFolder& home : worker_group_homes(GroupSystem::of_this_machine()))
    for (const auto& entry : fs::directory_iterator(home.path))
      if (entry.is_directory()) groups.insert(entry.path());
  return groups;
}

TEST_F(WorkerGroup, RunAsRootGoesWithAStartThatFails) {
  if (!is_possible_here()) return;
  const std::set<std::string> before = groups_now();
  SandboxLauncher launcher;
  EXPECT_FALSE(launcher.start({.program = "/etc/passwd"}));
  for (const std::string& group : groups_now()) {
    if (before.contains(group)) continue;
    int left = 100;  // somebody else's, who is about to fill it
    while (fs::exists(group) && text_of(group + "/cgroup.procs").empty() && --left > 0)
      ::usleep(10'000);
    EXPECT_GT(left, 0) << group;
  }
}

TEST_F(WorkerGroup, RunAsRootStaysAsLongAsAWorkerThatWasLetGo) {
  if (!is_possible_here()) return;
  std::vector<std::string> paths;
  const Child child(wait_for_ever);
  {
    auto group = WorkerCgroup::make({});
    group.admit(child.pid());
    paths = paths_of(group);
  }
  EXPECT_TRUE(all_exist(paths));
}

// What a worker left whose starter and watcher are gone too.
TEST_F(WorkerGroup, RunAsRootLeftBehindGoesWithTheNextStart) {
  if (!is_possible_here()) return;
  std::vector<std::string> paths;
  {
    Child child(wait_for_ever);
    {
      auto group = WorkerCgroup::make({});
      group.admit(child.pid());
      paths = paths_of(group);
    }
    child.end();
  }
  ASSERT_TRUE(all_exist(paths));
  const auto next = WorkerCgroup::make({});
  EXPECT_TRUE(none_exists(paths));
}

TEST_F(WorkerGroup, RunAsRootThatIsJustBeingFilledIsNotTakenForOneLeftBehind) {
  if (!is_possible_here()) return;
  auto first = WorkerCgroup::make({});
  const auto second = WorkerCgroup::make({});
  EXPECT_TRUE(all_exist(paths_of(first)));
  const Child child(wait_for_ever);
  const auto paths = paths_of(first);
  first.admit(child.pid());
  EXPECT_EQ(paths_of(first), paths);
}

// Any user could keep the lock of a folder he can open, and with it every start waiting.
TEST_F(WorkerGroup, RunAsRootIsInAFolderThatOnlyRootCanOpen) {
  if (!is_possible_here()) return;
  const auto group = WorkerCgroup::make({});
  for (const std::string& path : paths_of(group))
    EXPECT_EQ(fs::status(fs::path(path).parent_path()).permissions(), fs::perms::owner_all) << path;
}

TEST_F(WorkerGroup, RunAsRootIsHadThoughSomebodyKeepsTheLock) {
  if (!is_possible_here()) return;
  std::vector<UniqueFd> keepers;
  for (const GroupFolder& home : worker_group_homes(GroupSystem::of_this_machine())) {
    keepers.emplace_back(::open(home.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::flock(keepers.back().get(), LOCK_EX), 0);
  }
  const auto group = WorkerCgroup::make({});
  EXPECT_TRUE(all_exist(paths_of(group)));
}

TEST_F(WorkerGroup, RunAsRootHasANameOfItsOwn) {
  if (!is_possible_here()) return;
  std::set<std::string> seen;
  for (int round = 0; round < 20; ++round)
    for (const std::string& path : paths_of(WorkerCgroup::make({})))
      EXPECT_TRUE(seen.insert(path).second) << path;
}

// RLIMIT_NPROC counts the processes of a user and does not count root's.
int children_made(int wanted) {
  int made = 0;
  std::vector<pid_t> all;
  for (; made < wanted; ++made) {
    const pid_t child = ::fork();
    if (child == 0) wait_for_ever();
    if (child < 0) break;
    all.push_back(child);
  }
  for (const pid_t child : all) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return made;
}

int children_made_in(WorkerCgroup group, int wanted) {
  std::array<int, 2> start{};
  if (::pipe(start.data()) != 0) return -1;
  const pid_t parent = ::fork();
  if (parent == 0) {
    char word = 0;
    if (::read(start[0], &word, 1) != 1) ::_exit(255);
    ::_exit(children_made(wanted));
  }
  group.admit(parent);
  (void)!::write(start[1], "x", 1);
  ::close(start[0]);
  ::close(start[1]);
  int status = 0;
  ::waitpid(parent, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(WorkerGroup, RunAsRootStopsAWorkerThatMultiplies) {
  if (!is_possible_here()) return;
  SandboxLimits limits;
  limits.tasks = 4;
  auto group = WorkerCgroup::make(limits);
  const bool counts = std::ranges::any_of(
      paths_of(group), [](auto& path) { return fs::exists(path + "/pids.max"); });
  if (!counts) {
    fmt::print(
        "IMPOSSIBLE on this machine: StopsAWorkerThatMultiplies: no controller counts processes\n");
    return;
  }
  EXPECT_EQ(children_made_in({}, 20), 20);
  EXPECT_EQ(children_made_in(std::move(group), 20), 3);
}

#if !defined(__SANITIZE_ADDRESS__)
// Somebody else's death for want of memory is nobody's excuse: the group counts its own.
TEST_F(WorkerGroup, RunAsRootTellsItsOwnWantOfMemoryFromAnothers) {
  if (!is_possible_here()) return;
  Worker bystander = start_hostile("confined", "stay");
  ASSERT_EQ(next_packet(bystander.control()), "ready");
  EXPECT_EQ(end_of("confined", "fill_medium_in_memory").describe(), "ran out of memory");
  ASSERT_EQ(::kill(bystander.pid(), SIGKILL), 0);
  EXPECT_EQ(bystander.wait(kPatience)->describe(), "was killed by SIGKILL");
}

TEST_F(WorkerGroup, RunAsRootHasRoomForAMediumThatLiesInMemory) {
  if (!is_possible_here()) return;
  SandboxSpec spec = hostile_spec("confined", "fill_medium_in_memory");
  spec.limits.medium_in_memory_bytes = 512ULL << 20;
  SandboxLauncher launcher;
  auto worker = launcher.start(spec);
  ASSERT_TRUE(worker);
  EXPECT_EQ(next_packet(worker->control()), "won");
}
#endif

// Trees as somebody else has left them, on an ordinary filesystem.
class GroupHomes : public testing::Test {
 protected:
  GroupHomes() { fs::create_directories(top_); }
  ~GroupHomes() override { fs::remove_all(top_); }

  [[nodiscard]] std::string top() const { return top_; }

  void make_group(const std::string& path, std::string_view controllers = "cpu io memory pids") {
    const fs::path folder = top() + path;
    fs::create_directories(folder);
    std::ofstream(folder / "cgroup.controllers") << controllers << "\n";
    std::ofstream(folder / "cgroup.subtree_control") << "";
  }

  [[nodiscard]] GroupSystem unified(std::string own, bool has_systemd) const {
    GroupSystem system;
    system.mounts.push_back({.root = "/", .mount_point = top(), .type = "cgroup2"});
    system.own_groups = std::move(own);
    system.has_systemd = has_systemd;
    return system;
  }

  static std::vector<std::string> paths(const std::vector<GroupFolder>& folders) {
    std::vector<std::string> found;
    for (const GroupFolder& folder : folders) found.push_back(folder.path);
    return found;
  }

  void delegate(const std::string& path) {
    ASSERT_EQ(::setxattr((top() + path).c_str(), "trusted.delegate", "1", 1, 0), 0);
  }

 private:
  fs::path top_ = fs::temp_directory_path() / fmt::format("airlock-groups-{}", ::getpid());
};

const std::string kService = "/system.slice/airlockd.service";

TEST_F(GroupHomes, RunAsRootAreBelowADelegatedService) {
  make_group(kService);
  make_group(kService + "/workers");
  delegate(kService);
  const auto homes = worker_group_homes(unified("0::" + kService + "/daemon\n", true));
  EXPECT_EQ(paths(homes), std::vector{top() + kService + "/workers"});
}

TEST_F(GroupHomes, RunAsRootAreNowhereWhereSystemdHasNotDelegated) {
  make_group("");
  make_group(kService);
  make_group(kService + "/workers");
  EXPECT_TRUE(worker_group_homes(unified("0::" + kService + "/daemon\n", true)).empty());
  EXPECT_FALSE(fs::exists(top() + "/airlock"));
}

// Somebody's manager may have a delegated group too, and it is not ours.
TEST_F(GroupHomes, RunAsRootAreNotInTheGroupsOfOthers) {
  for (const std::string own :
       {"/system.slice/udisks2.service", "/user.slice/user-1.slice/user@1.service",
        "/system.slice/udisks2.service/daemon"}) {
    make_group(own);
    make_group(own + "/workers");
    delegate(own);
    EXPECT_TRUE(worker_group_homes(unified("0::" + own + "\n", true)).empty()) << own;
    EXPECT_TRUE(worker_group_homes(unified("0::" + own + "/daemon\n", true)).empty()) << own;
  }
}

TEST_F(GroupHomes, AreAtTheTopWithoutSystemd) {
  make_group("");
  make_group("/airlock");
  EXPECT_EQ(paths(worker_group_homes(unified("0::/\n", false))), std::vector{top() + "/airlock"});
}

TEST_F(GroupHomes, AreNowhereWithoutAController) {
  make_group("", "hugetlb");
  EXPECT_TRUE(worker_group_homes(unified("0::/\n", false)).empty());
}

// A part of a tree that a container shows is not its top.
TEST_F(GroupHomes, AreNotInAPartOfATree) {
  make_group("");
  make_group("/airlock");
  GroupSystem system = unified("0::/\n", false);
  system.mounts.front().root = "/docker/1";
  EXPECT_TRUE(worker_group_homes(system).empty());
}

TEST(GroupFolders, AreReadFromWhatTheKernelSaysOfAProcess) {
  const std::vector<MountEntry> mounts = {
      {.root = "/", .mount_point = "/m", .type = "cgroup", .super_options = "rw,memory"},
      {.root = "/", .mount_point = "/c", .type = "cgroup", .super_options = "rw,cpu,cpuacct"},
      {.root = "/", .mount_point = "/u", .type = "cgroup2", .super_options = "rw"}};
  const auto found = folders_of("4:cpu,cpuacct:/a\n3:memory:/b c\n1:freezer:/d\n0::/e\n", mounts);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].path, "/c/a");
  EXPECT_EQ(found[1].path, "/m/b c");
  EXPECT_EQ(found[2].path, "/u/e");
  EXPECT_TRUE(found[2].unified);
  for (const char* nonsense : {"", "\n", "0:", "0::", "0::x", "0::/../x", "x", "3:memory", ":::"})
    EXPECT_TRUE(folders_of(nonsense, mounts).empty()) << nonsense;
}

}  // namespace
}  // namespace airlock::test
