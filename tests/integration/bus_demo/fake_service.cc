// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/integration/bus_demo/fake_service.h"

#include <unistd.h>

#include <array>
#include <utility>

namespace airlock {
namespace {

// Not valid text, like a label from a hostile medium.
const std::string kNoText("\xff\xfe bad \x00 label \xed\xa0\x80", 17);

}  // namespace

void FakeService::add_volume(const std::string& id) {
  mount_points_[id] = "";
  publisher_.add_volume(id, {{"Id", id}, {"State", std::string("available")}});
}

void FakeService::remove_volume(const std::string& id) {
  mount_points_.erase(id);
  publisher_.remove_volume(id);
}

void FakeService::release() {
  held_methods_.clear();
  for (auto& reply : std::exchange(held_, {})) reply();
}

void FakeService::remember(const std::string& method, const Call& call, const std::string& about) {
  const CallOptions& options = call.options;
  calls_.push_back(fmt::format("{} {} {} options={} fstype={} force={:d} lazy={:d} quiet={:d}",
                               method, call.sender, about, options.mount_options, options.type,
                               options.force, options.lazy, options.no_user_interaction));
}

template <typename T, typename Make>
void FakeService::answer(const std::string& method, const Call& call, const std::string& about,
                         Reply<T> reply, Make make) {
  remember(method, call, about);
  if (failure_) return reply(std::unexpected(*std::exchange(failure_, std::nullopt)));
  if (!held_methods_.contains(method)) return reply(make());
  held_.push_back([reply = std::move(reply), make]() mutable { reply(make()); });
}

Result<void> FakeService::check(const std::string& volume) const {
  if (!mount_points_.contains(volume)) return fail(Errc::kNotFound, "no volume {}", volume);
  return {};
}

Result<std::string> FakeService::mount_now(const std::string& volume) {
  TRY_VOID(check(volume));
  std::string& mount_point = mount_points_[volume];
  if (!mount_point.empty()) return fail(Errc::kAlreadyMounted, "mount {}", volume);
  mount_point = "/run/media/somebody/" + volume;
  publisher_.change_volume(
      volume, {{"State", std::string("mounting")}, {"LastUnmount", decltype(unmount_end_)()}});
  publisher_.change_volume(volume, {{"State", std::string("mounted")}});
  publisher_.change_volume(volume, {{"MountPoint", mount_point}});
  return mount_point;
}

Result<void> FakeService::unmount_now(const std::string& volume) {
  TRY_VOID(check(volume));
  mount_points_[volume].clear();
  publisher_.change_volume(volume, {{"State", std::string("available")},
                                    {"MountPoint", std::string()},
                                    {"LastUnmount", unmount_end_}});
  return {};
}

void FakeService::prepare_handover(Call call, Reply<std::string> socket) {
  const std::string sender = call.sender;
  remember("PrepareHandover", call, "");
  handovers_.prepare(sender, ::getuid(), [socket](Result<std::string> path) { socket.give(path); });
}

// The first bytes of the file, which airlockd itself would never read.
std::string FakeService::first_bytes(const HeldFile& file) {
  const auto taken = file.take();
  if (!taken) return taken.error().message();
  std::array<char, 16> start{};
  const auto length = ::pread(taken->get(), start.data(), start.size(), 0);
  return {start.data(), length < 0 ? 0 : static_cast<std::size_t>(length)};
}

void FakeService::open_image(Call call, std::string handover, std::string name,
                             Reply<std::string> volume) {
  const std::string sender = call.sender;
  handovers_.take(
      sender, handover, [this, call, name, volume](Result<std::vector<HandedFile>> files) {
        if (!files) return volume.refuse(std::move(files).error());
        const auto about = fmt::format("{} holds={}", name, first_bytes(*files->front().file));
        answer("OpenImage", call, about, volume, [this]() -> Result<std::string> {
          const std::string id = fmt::format("image{}", ++images_);
          add_volume(id);
          return id;
        });
      });
}

void FakeService::adopt_mount(Call call, MountHandover mount, Reply<std::string> volume) {
  const auto about =
      fmt::format("{} {} for {} from {}", mount.program, mount.origin, mount.user, mount.handover);
  answer("AdoptMount", call, about, std::move(volume),
         []() -> Result<std::string> { return "sdb1"; });
}

void FakeService::mount_at(Call call, MountThere wanted, Reply<std::string> volume) {
  const auto about = fmt::format("{} from {}", wanted.device, wanted.handover);
  answer("MountAt", call, about, std::move(volume), []() -> Result<std::string> { return "sdb1"; });
}

void FakeService::find_volume(Call call, std::string device, Reply<std::string> volume) {
  const auto find = [this, device]() -> Result<std::string> {
    const std::string id = device.substr(device.rfind('/') + 1);
    TRY_VOID(check(id));
    return id;
  };
  answer("FindVolume", call, device, std::move(volume), find);
}

void FakeService::explain(Call call, std::string device, Reply<PropertyMap> explanation) {
  answer("Explain", call, device, std::move(explanation), [device]() -> Result<PropertyMap> {
    return PropertyMap{{"device", device},
                       {"label", kNoText},
                       {"size", std::uint64_t{1} << 40},
                       {"steps", std::vector<std::string>{"one", kNoText}}};
  });
}

void FakeService::list_drivers(Call call, Reply<std::vector<PropertyMap>> drivers) {
  answer("ListDrivers", call, "", std::move(drivers), []() -> Result<std::vector<PropertyMap>> {
    return std::vector<PropertyMap>{{{"name", std::string("ext")}, {"writes", true}}, {}};
  });
}

void FakeService::set_automount(Call call, std::string mode, Reply<void> done) {
  answer("SetAutomount", call, mode, std::move(done), [this, mode]() -> Result<void> {
    if (mode != "on" && mode != "off" && mode != "ask")
      return fail(Errc::kInvalidArgument, "set automount: no such mode");
    publisher_.set_manager({{"Automount", mode}});
    return {};
  });
}

void FakeService::settings(Call call, Reply<PropertyMap> settings) {
  answer("GetSettings", call, "", std::move(settings),
         []() -> Result<PropertyMap> { return PropertyMap{{"automount", std::string("on")}}; });
}

void FakeService::mount(Call call, std::string volume, Reply<std::string> mount_point) {
  if (volume != "pulled")
    return answer("Mount", call, volume, std::move(mount_point),
                  [this, volume] { return mount_now(volume); });
  // Pulled out during the mount: its object goes before the call is answered.
  remember("Mount", call, volume);
  remove_volume(volume);
  mount_point(fail(Errc::kNotFound, "mount {}: it was pulled out", kNoText));
}

void FakeService::unmount(Call call, std::string volume, Reply<void> done) {
  answer("Unmount", call, volume, std::move(done), [this, volume] { return unmount_now(volume); });
}

void FakeService::eject(Call call, std::string volume, Reply<void> done) {
  answer("Eject", call, volume, std::move(done), [this, volume] { return unmount_now(volume); });
}

void FakeService::power_off(Call call, std::string volume, Reply<void> done) {
  answer("PowerOff", call, volume, std::move(done), [this, volume]() -> Result<void> {
    TRY_VOID(check(volume));
    remove_volume(volume);
    return {};
  });
}

void FakeService::recover(Call call, std::string volume, std::string mode,
                          Reply<std::string> mount_point) {
  answer("Recover", call, volume + " " + mode, std::move(mount_point),
         [this, volume] { return mount_now(volume); });
}

void FakeService::detach(Call call, std::string volume, Reply<void> done) {
  answer("Detach", call, volume, std::move(done), [this, volume] { return unmount_now(volume); });
}

void FakeService::users(Call call, std::string volume, Reply<std::vector<UserOfMount>> users) {
  answer("GetUsers", call, volume, std::move(users), []() -> Result<std::vector<UserOfMount>> {
    return std::vector<UserOfMount>{{.pid = 42, .name = "editor", .path = "/x/" + kNoText}};
  });
}

void FakeService::log_lines(Call call, std::string volume, Reply<std::vector<std::string>> lines) {
  answer("GetLog", call, volume, std::move(lines), []() -> Result<std::vector<std::string>> {
    return std::vector<std::string>{"first", kNoText};
  });
}

void FakeService::containment(Call call, std::string volume, Reply<std::string> report) {
  answer("GetContainment", call, volume, std::move(report),
         []() -> Result<std::string> { return kNoText; });
}

void FakeService::check(Call call, std::string volume, Reply<PropertyMap> result) {
  answer("Check", call, volume, std::move(result), []() -> Result<PropertyMap> {
    return PropertyMap{{"verdict", std::string("clean")}, {"summary", kNoText}};
  });
}

void FakeService::repair(Call call, std::string volume, Reply<PropertyMap> result) {
  answer("Repair", call, volume, std::move(result), []() -> Result<PropertyMap> {
    return PropertyMap{{"verdict", std::string("clean")}, {"changed", true}};
  });
}

void FakeService::set_label(Call call, std::string volume, std::string label, Reply<void> done) {
  answer("SetLabel", call, volume + " " + label, std::move(done),
         [this, volume]() -> Result<void> { return check(volume); });
}

void FakeService::format(Call call, std::string volume, std::string type, std::string label,
                         Reply<void> done) {
  answer("Format", call, volume + " " + type + " " + label, std::move(done),
         [this, volume]() -> Result<void> { return check(volume); });
}

void FakeService::check_log(Call call, std::string volume, Reply<std::vector<std::string>> lines) {
  answer("GetCheckLog", call, volume, std::move(lines), []() -> Result<std::vector<std::string>> {
    return std::vector<std::string>{"Pass 1", kNoText};
  });
}

void FakeService::cancel(Call call, std::string job, Reply<void> done) {
  answer("Cancel", call, job, std::move(done), [this, job]() -> Result<void> {
    publisher_.remove_job(job);
    return {};
  });
}

void FakeService::skip(Call call, std::string job, Reply<void> done) {
  answer("Skip", call, job, std::move(done), []() -> Result<void> { return {}; });
}

void FakeService::caller_gone(const std::string& sender) {
  handovers_.caller_gone(sender);
  calls_.push_back("gone " + sender);
}

}  // namespace airlock
