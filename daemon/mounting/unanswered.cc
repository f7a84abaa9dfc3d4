// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/unanswered.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "daemon/mount/fuse_control.h"
#include "daemon/system/fuse_waiters.h"
#include "daemon/system/mount_table.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only
using Clock = std::chrono::steady_clock;
using Proof = Unanswered::Proof;

constexpr int kLooks = 10;  // within the silence
constexpr auto kLongestPause = 3s;
constexpr int kUsualSearch = 2, kLongestSearch = 4;  // in silences
// A program that makes one request after another leaves gaps between them; these looks find one.
constexpr int kCloseLooks = 50;
constexpr auto kBetweenCloseLooks = 2ms;

class Search {
 public:
  Search(const std::vector<dev_t>& mounts, std::chrono::milliseconds silence)
      : mounts_(mounts), silence_(silence) {}
  std::vector<Unanswered> run();

 private:
  struct Seen {
    FuseWaiter waiter;
    Clock::time_point since;
  };

  void look();
  void look_at_connections();
  void look_at_waiters();
  // Nothing is left that could become a finding.
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] bool owes(dev_t filesystem) const { return owing_.contains(filesystem); }
  [[nodiscard]] bool others_owe(const FuseWaiter& waiter) const;
  [[nodiscard]] bool may_be(const FuseWaiter& waiter, dev_t filesystem) const;
  [[nodiscard]] std::vector<Unanswered> findings() const;
  void add(std::vector<Unanswered>& findings, const FuseWaiter& waiter) const;
  void look_closely(std::vector<Unanswered>& findings);

  const std::vector<dev_t>& mounts_;
  std::chrono::milliseconds silence_;
  Clock::time_point start_ = Clock::now(), now_ = start_;
  FuseControl control_;
  std::map<dev_t, Clock::time_point> owing_;  // without a gap since then
  std::map<FuseWaiter::Wait, Seen> waiting_;
};

void Search::look_at_connections() {
  std::map<dev_t, Clock::time_point> owing;
  for (const dev_t filesystem : control_.connections()) {
    if (control_.waiting(filesystem).value_or(0) == 0) continue;
    const auto before = owing_.find(filesystem);
    owing[filesystem] = before == owing_.end() ? now_ : before->second;
  }
  owing_ = std::move(owing);
}

// Whether the kernel lets the user into one of the mounts. With allow_other that is any user.
bool may_enter(const std::vector<MountEntry>& table, const std::vector<dev_t>& mounts, uid_t user) {
  return user == 0 || std::ranges::any_of(mounts, [&](dev_t filesystem) {
           const auto owner = owner_of(table, filesystem);
           return owner && owner->lets_in(user);
         });
}

void Search::look_at_waiters() {
  const auto table = read_mount_table("/proc/self/mountinfo").value_or(std::vector<MountEntry>());
  std::map<FuseWaiter::Wait, Seen> waiting;
  for (FuseWaiter& waiter :
       find_fuse_waiters([&](uid_t user) { return may_enter(table, mounts_, user); })) {
    const auto before = waiting_.find(waiter.wait);
    const auto since = before == waiting_.end() ? now_ : before->second.since;
    waiting.insert_or_assign(waiter.wait, Seen{.waiter = std::move(waiter), .since = since});
  }
  waiting_ = std::move(waiting);
}

void Search::look() {
  now_ = Clock::now();
  look_at_connections();
  look_at_waiters();
}

bool Search::is_over() const {
  if (std::ranges::none_of(mounts_, [this](dev_t at) { return owes(at); })) return true;
  const bool some_stay =
      std::ranges::any_of(waiting_, [this](const auto& at) { return at.second.since < now_; });
  return now_ - start_ >= silence_ * (some_stay ? kLongestSearch : kUsualSearch);
}

// Whether it may be waiting for another FUSE server, a user's own, which may never answer.
bool Search::others_owe(const FuseWaiter& waiter) const {
  return std::ranges::any_of(waiter.possible, [this](dev_t at) {
    const auto owing = owing_.find(at);
    return std::ranges::find(mounts_, at) == mounts_.end() && owing != owing_.end() &&
           now_ - owing->second >= silence_;
  });
}

bool Search::may_be(const FuseWaiter& waiter, dev_t filesystem) const {
  if (waiter.filesystem != 0) return waiter.filesystem == filesystem;
  if (waiter.for_all || waiter.request == kSyncRequest) return true;
  return std::ranges::find(waiter.possible, filesystem) != waiter.possible.end() &&
         !others_owe(waiter);
}

void Search::add(std::vector<Unanswered>& findings, const FuseWaiter& waiter) const {
  const Proof proof = waiter.filesystem != 0 ? Proof::kCertain
                      : waiter.for_all       ? Proof::kIfIdle
                                             : Proof::kPossible;
  for (const dev_t filesystem : mounts_)
    if (owes(filesystem) && may_be(waiter, filesystem))
      findings.push_back({.filesystem = filesystem, .proof = proof, .request = waiter.request});
}

std::vector<Unanswered> Search::findings() const {
  std::vector<Unanswered> findings;
  for (const auto& [wait, seen] : waiting_)
    if (now_ - seen.since >= silence_) add(findings, seen.waiter);
  // Only the best proof of each.
  std::ranges::stable_sort(findings, {},
                           [](const Unanswered& at) { return std::pair(at.filesystem, at.proof); });
  const auto rest = std::ranges::unique(findings, {}, &Unanswered::filesystem);
  findings.erase(rest.begin(), rest.end());
  return findings;
}

void Search::look_closely(std::vector<Unanswered>& findings) {
  for (int i = 0; i < kCloseLooks && !findings.empty(); ++i) {
    std::this_thread::sleep_for(kBetweenCloseLooks);
    std::erase_if(findings, [this](const Unanswered& at) {
      return control_.waiting(at.filesystem).value_or(0) == 0;
    });
  }
}

std::vector<Unanswered> Search::run() {
  const auto pause = std::min<Clock::duration>(silence_ / kLooks, kLongestPause);
  for (look(); !is_over(); look()) {
    auto findings = this->findings();
    look_closely(findings);
    if (!findings.empty()) return findings;
    std::this_thread::sleep_for(pause);
  }
  return {};
}

}  // namespace

std::chrono::milliseconds longest_search(std::chrono::milliseconds silence) {
  constexpr auto kLooking = 30s;  // at a /proc of any length
  return silence * kLongestSearch + kLooking;
}

Result<ErrandReport> do_find_unanswered(const std::vector<dev_t>& mounts,
                                        std::chrono::milliseconds silence) {
  std::string report;
  for (const Unanswered& at : Search(mounts, silence).run())
    report += fmt::format("{} {} {}\n", at.filesystem, static_cast<int>(at.proof), at.request);
  report.resize(std::min(report.size(), ErrandReport::kMostBytes));
  return ErrandReport{.bytes = std::move(report), .descriptors = {}};
}

std::vector<Unanswered> unpack_unanswered(std::string_view report) {
  std::vector<Unanswered> found;
  while (!report.empty()) {
    std::string_view line = take_until(report, '\n');
    const auto filesystem = parse_number<dev_t>(take_until(line, ' '));
    const auto proof =
        parse_number<int>(take_until(line, ' '), 0, static_cast<int>(Proof::kIfIdle));
    if (!filesystem || !proof) continue;
    found.push_back({.filesystem = *filesystem,
                     .proof = static_cast<Proof>(*proof),
                     .request = std::string(line)});
  }
  return found;
}

}  // namespace airlock
