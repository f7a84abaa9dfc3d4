// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/settings_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;

// Long enough for an editor or a package to finish its files, short enough not to be felt; the
// second limit is for changes that never pause.
constexpr auto kQuiet = 200ms;
constexpr auto kLongest = 2000ms;

constexpr std::uint32_t kInteresting = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                       IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

struct SettingsWatch::State {
  // A watched folder, and the names in it that matter.
  struct Watched {
    bool every_name = false;  // all that end in ".toml"
    std::set<std::string> names;

    [[nodiscard]] bool cares_for(std::string_view name) const {
      // An event without a name is about the folder itself.
      return name.empty() || names.contains(std::string(name)) ||
             (every_name && name.ends_with(".toml"));
    }
  };

  EventLoop& loop;
  SettingsPlaces places;
  Changed changed;
  UniqueFd inotify = {};
  std::map<int, Watched> watched = {};
  EventSource ready = {};
  EventSource quiet = {};
  EventLoop::Time since = {};

  Result<void> start();
  void watch_all();
  void watch_folder(std::string path, Watched what);
  void on_ready();
  bool drain();
  void delay();
  void tell();
};

Result<void> SettingsWatch::State::start() {
  inotify = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) return fail_errno(errno, Errc::kSystem, "watch the settings: inotify");
  watch_all();
  TRY(ready, loop.watch(inotify.borrow(), EPOLLIN, [this](std::uint32_t) { on_ready(); }));
  return {};
}

void SettingsWatch::State::watch_all() {
  for (const auto& [descriptor, what] : std::exchange(watched, {}))
    (void)inotify_rm_watch(inotify.get(), descriptor);  // it may have gone with its folder
  for (const std::string& layer : {places.vendor, places.admin}) {
    const std::string file(kSettingsFile);
    const std::string folder(kSettingsFolder);
    watch_folder(layer, {.every_name = false, .names = {file, folder}});
    watch_folder(layer + "/" + folder, {.every_name = true, .names = {}});
  }
}

// To notice a missing folder, watches the nearest existing folder above it.
void SettingsWatch::State::watch_folder(std::string path, Watched what) {
  int descriptor = inotify_add_watch(inotify.get(), path.c_str(), kInteresting | IN_ONLYDIR);
  while (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR) && path.size() > 1) {
    const std::size_t slash = path.rfind('/');
    what = {.every_name = false, .names = {path.substr(slash + 1)}};
    path.resize(std::max<std::size_t>(slash, 1));
    descriptor = inotify_add_watch(inotify.get(), path.c_str(), kInteresting | IN_ONLYDIR);
  }
  if (descriptor < 0) {
    log(LogLevel::kWarning, "changes of settings in {} will go unnoticed: {}", path,
        std::strerror(errno));
    return;
  }
  Watched& sum = watched[descriptor];  // a folder has one number, whichever path leads to it
  sum.every_name = sum.every_name || what.every_name;
  sum.names.merge(what.names);
}

void SettingsWatch::State::on_ready() {
  if (drain()) delay();
}

// Returns whether any of the events matters.
bool SettingsWatch::State::drain() {
  alignas(inotify_event) std::array<char, 16'384> buffer;
  bool matters = false;
  while (true) {
    const ssize_t got = read(inotify.get(), buffer.data(), buffer.size());
    if (got <= 0) return matters;
    const char* end = buffer.data() + got;
    for (const char* at = buffer.data(); at < end;) {
      inotify_event event = {};
      std::memcpy(&event, at, sizeof event);
      const char* name = at + sizeof event;
      const auto found = watched.find(event.wd);
      const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
      if (lost || (found != watched.end() && (event.mask & IN_IGNORED) == 0 &&
                   found->second.cares_for(event.len > 0 ? name : "")))
        matters = true;
      at = name + event.len;
    }
  }
}

void SettingsWatch::State::delay() {
  const auto now = std::chrono::steady_clock::now();
  if (!quiet.active()) since = now;
  if (now - since >= kLongest) return tell();
  auto timer = loop.at(now + kQuiet, [this] { tell(); });
  if (timer)
    quiet = std::move(*timer);
  else
    tell();  // better early than never
}

void SettingsWatch::State::tell() {
  quiet.reset();
  // Watches before anybody reads, so that a change in between is noticed.
  watch_all();
  changed();
}

SettingsWatch::SettingsWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
SettingsWatch::SettingsWatch(SettingsWatch&&) noexcept = default;
SettingsWatch& SettingsWatch::operator=(SettingsWatch&&) noexcept = default;
SettingsWatch::~SettingsWatch() = default;

Result<SettingsWatch> SettingsWatch::start(EventLoop& loop, SettingsPlaces places,
                                           Changed changed) {
  auto state = std::make_unique<State>(loop, std::move(places), std::move(changed));
  TRY_VOID(state->start());
  return SettingsWatch(std::move(state));
}

void SettingsWatch::reload() {
  (void)state_->drain();  // reported now in any case
  state_->tell();
}

}  // namespace airlock
