// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/manager_object.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "lib/base/duplicate.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

const PropertyMap kManagerDefaults = {
    {"Version", std::string()},
    {"Automount", std::string("on")},
    {"Waiting", std::uint32_t{0}},
    {"SettingsProblem", std::string()},
};

// The library copies descriptors without close-on-exec, so its copy is not the one we keep.
Result<UniqueFd> adopt(const sdbus::UnixFd& descriptor) {
  return duplicate(BorrowedFd(descriptor.get()));
}

Result<MountHandover> take_over(const sdbus::UnixFd& driver, const sdbus::UnixFd& log,
                                const sdbus::UnixFd& image) {
  MountHandover handed;
  TRY(handed.driver, adopt(driver));
  TRY(handed.log, adopt(log));
  TRY(handed.image, adopt(image));
  return handed;
}

}  // namespace

ManagerObject::ManagerObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path,
                             std::string id)
    : BusObject(desk, bus, path, std::move(id), kManagerDefaults) {
  getObject().addObjectManager();
}

ManagerObject::~ManagerObject() {
  disappear();
}

void ManagerObject::OpenImage(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd image,
                              std::string name, BusOptions options) {
  pass_on<std::string>(std::move(result), options, kNoUserInteraction, GiveVolume(),
                       [image = adopt(image), name = std::move(name)](
                           Service& service, Call call, Reply<std::string> reply) mutable {
                         if (!image) return reply(std::unexpected(std::move(image).error()));
                         service.open_image(std::move(call), *std::move(image), std::move(name),
                                            std::move(reply));
                       });
}

void ManagerObject::AdoptMount(sdbus::Result<sdbus::ObjectPath>&& result, std::uint64_t mount,
                               std::uint64_t mount_namespace, sdbus::UnixFd driver,
                               sdbus::UnixFd log, sdbus::UnixFd image, std::string program,
                               std::string origin, std::uint32_t user) {
  auto handed = take_over(driver, log, image);
  if (handed) {
    handed->mount = mount;
    handed->mount_namespace = mount_namespace;
    handed->program = std::move(program);
    handed->origin = std::move(origin);
    handed->user = user;
  }
  pass_on<std::string>(
      std::move(result), {}, kNoOptions, GiveVolume(),
      [handed = std::move(handed)](Service& service, Call call, Reply<std::string> reply) mutable {
        if (!handed) return reply(std::unexpected(std::move(handed).error()));
        service.adopt_mount(std::move(call), *std::move(handed), std::move(reply));
      });
}

void ManagerObject::MountAt(sdbus::Result<sdbus::ObjectPath>&& result, std::string device,
                            sdbus::UnixFd place, std::uint64_t mount_namespace,
                            BusOptions options) {
  pass_on<std::string>(std::move(result), options, kMountOptions | kType, GiveVolume(),
                       [device = std::move(device), place = adopt(place), mount_namespace](
                           Service& service, Call call, Reply<std::string> reply) mutable {
                         if (!place) return reply(std::unexpected(std::move(place).error()));
                         service.mount_at(std::move(call),
                                          {.device = std::move(device),
                                           .place = *std::move(place),
                                           .mount_namespace = mount_namespace},
                                          std::move(reply));
                       });
}

void ManagerObject::FindVolume(sdbus::Result<sdbus::ObjectPath>&& result, std::string device) {
  pass_on<std::string>(
      std::move(result), {}, kNoOptions, GiveVolume(),
      [device = std::move(device)](Service& service, Call call, Reply<std::string> reply) mutable {
        service.find_volume(std::move(call), std::move(device), std::move(reply));
      });
}

void ManagerObject::Explain(sdbus::Result<BusMap>&& result, std::string device) {
  pass_on<PropertyMap>(
      std::move(result), {}, kNoOptions, GiveValues(),
      [device = std::move(device)](Service& service, Call call, Reply<PropertyMap> reply) mutable {
        service.explain(std::move(call), std::move(device), std::move(reply));
      });
}

void ManagerObject::ListDrivers(sdbus::Result<std::vector<BusMap>>&& result) {
  pass_on<std::vector<PropertyMap>>(
      std::move(result), {}, kNoOptions, GiveValues(),
      [](Service& service, Call call, Reply<std::vector<PropertyMap>> reply) {
        service.list_drivers(std::move(call), std::move(reply));
      });
}

void ManagerObject::SetAutomount(sdbus::Result<>&& result, std::string mode, BusOptions options) {
  pass_on<void>(std::move(result), options, kNoUserInteraction, GiveNothing(),
                [mode = std::move(mode)](Service& service, Call call, Reply<void> reply) mutable {
                  service.set_automount(std::move(call), std::move(mode), std::move(reply));
                });
}

void ManagerObject::GetSettings(sdbus::Result<BusMap>&& result) {
  pass_on<PropertyMap>(std::move(result), {}, kNoOptions, GiveValues(),
                       [](Service& service, Call call, Reply<PropertyMap> reply) {
                         service.settings(std::move(call), std::move(reply));
                       });
}

}  // namespace airlock
