// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/volume_view.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "lib/base/text.h"

namespace airlock::ctl {
namespace {

Result<Value::Map> fetch_objects(BusClient& bus) {
  TRY(auto answer, bus.call({.path = kManagerPath,
                             .interface = "org.freedesktop.DBus.ObjectManager",
                             .method = "GetManagedObjects",
                             .arguments = {},
                             .meanwhile = {}}));
  if (answer.empty()) return fail(Errc::kProtocol, "airlockd sent no objects");
  return answer.front().map();
}

std::size_t digits_at(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::find_if_not(text, [](unsigned char c) { return std::isdigit(c) != 0; }) -
      text.begin());
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The typed name, as a full path if it is a path. Works on the text only: access to a hung mount
// would hang too.
std::string full_path(const std::string& called) {
  if (called.find('/') == std::string::npos && called != "." && called != "..") return called;
  std::error_code failed;
  const auto full = std::filesystem::absolute(called, failed);
  return failed ? called : without_slash(full.lexically_normal().string());
}

// The path without links; for device nodes only, for the same reason.
std::string real_path(const std::string& path) {
  if (!path.starts_with("/dev/")) return path;
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         std::free);
  return real ? std::string(real.get()) : path;
}

bool is_below(const std::string& path, const std::string& folder) {
  return !folder.empty() && (path == folder || path.starts_with(folder + "/"));
}

enum class Match { kNone, kLoose, kExact };

// One name in all its forms.
struct Called {
  explicit Called(const std::string& as) : typed(as), full(full_path(as)), real(real_path(full)) {}

  std::string typed;
  std::string full;
  std::string real;
};

Match matches(const VolumeView& volume, const Called& called) {
  if (called.typed.empty()) return Match::kNone;
  const std::string& device = volume.text("Device");
  if (volume.id() == called.typed || device == called.real) return Match::kExact;
  if (is_below(called.full, volume.text("MountPoint"))) return Match::kExact;
  if (volume.text("Kind") == "image" && called.full.ends_with("/" + device)) return Match::kLoose;
  // A path means that path, not a medium with such a label.
  if (called.typed.starts_with("/")) return Match::kNone;
  const bool named = volume.text("Label") == called.typed || volume.text("Uuid") == called.typed;
  return named ? Match::kLoose : Match::kNone;
}

std::string names_of(const std::vector<VolumeView>& volumes) {
  std::string names;
  for (const VolumeView& volume : volumes) names += (names.empty() ? "" : ", ") + volume.id();
  return names;
}

}  // namespace

bool comes_before(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::size_t a_digits = digits_at(a);
    const std::size_t b_digits = digits_at(b);
    if (a_digits > 0 && b_digits > 0) {
      if (a_digits != b_digits) return a_digits < b_digits;
      if (const int order = a.substr(0, a_digits).compare(b.substr(0, b_digits)); order != 0)
        return order < 0;
      a.remove_prefix(a_digits);
      b.remove_prefix(b_digits);
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

Result<std::vector<VolumeView>> fetch_volumes(BusClient& bus) {
  TRY(const auto objects, fetch_objects(bus));
  std::vector<VolumeView> volumes;
  for (const auto& [path, interfaces] : objects)
    if (const Value& properties = interfaces.at(kVolume); !properties.map().empty())
      volumes.push_back({.path = path, .properties = properties});
  std::ranges::sort(volumes, [](const VolumeView& a, const VolumeView& b) {
    return comes_before(a.id(), b.id());
  });
  return volumes;
}

Result<Value> fetch_properties(BusClient& bus, const std::string& path, const char* interface) {
  TRY(auto answer, bus.call({.path = path,
                             .interface = "org.freedesktop.DBus.Properties",
                             .method = "GetAll",
                             .arguments = {std::string(interface)},
                             .meanwhile = {}}));
  return answer.empty() ? Value{} : std::move(answer.front());
}

Result<Value::Map> fetch_jobs(BusClient& bus) {
  TRY(const auto objects, fetch_objects(bus));
  Value::Map jobs;
  for (const auto& [path, interfaces] : objects)
    if (const Value& properties = interfaces.at(kJob); !properties.map().empty())
      jobs.emplace(path, properties);
  return jobs;
}

Result<VolumeView> find_volume(BusClient& bus, const std::string& called) {
  TRY(auto volumes, fetch_volumes(bus));
  return choose_volume(std::move(volumes), called);
}

Result<VolumeView> choose_volume(std::vector<VolumeView> volumes, const std::string& called) {
  const Called name(called);
  std::vector<VolumeView> loose;
  for (VolumeView& volume : volumes) {
    const Match match = matches(volume, name);
    if (match == Match::kExact) return std::move(volume);
    if (match == Match::kLoose) loose.push_back(volume);
  }
  if (loose.size() == 1) return std::move(loose.front());
  if (loose.size() > 1)
    return fail(Errc::kInvalidArgument, "{} could be any of {}: say which", quote(called),
                names_of(loose));
  if (volumes.empty())
    return fail(Errc::kNotFound, "there is no {}: nothing is plugged in", quote(called));
  return fail(Errc::kNotFound, "there is no {}; 'airlockctl list --all' shows what there is",
              quote(called));
}

bool is_regular_file(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_image_path(const std::string& path) {
  return path.find_first_of("/.") != std::string::npos && is_regular_file(path);
}

}  // namespace airlock::ctl
