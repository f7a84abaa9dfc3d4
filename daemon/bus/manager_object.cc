// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/manager_object.h"

#include <utility>

namespace airlock {
namespace {

const PropertyMap kManagerDefaults = {
    {"Version", std::string()},
    {"Automount", std::string("on")},
    {"Waiting", std::uint32_t{0}},
    {"SettingsProblem", std::string()},
};

}  // namespace

ManagerObject::ManagerObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path,
                             std::string id)
    : BusObject(desk, bus, path, std::move(id), kManagerDefaults) {
  getObject().addObjectManager();
}

ManagerObject::~ManagerObject() {
  disappear();
}

void ManagerObject::PrepareHandover(sdbus::Result<std::string>&& result) {
  pass_on<std::string>(std::move(result), {}, kNoOptions, GiveText(),
                       [](Service& service, Call call, Reply<std::string> reply) {
                         service.prepare_handover(std::move(call), std::move(reply));
                       });
}

void ManagerObject::OpenImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string handover,
                              std::string name, BusOptions options) {
  pass_on<std::string>(std::move(result), options, kNoUserInteraction, GiveVolume(),
                       [handover = std::move(handover), name = std::move(name)](
                           Service& service, Call call, Reply<std::string> reply) mutable {
                         service.open_image(std::move(call), std::move(handover), std::move(name),
                                            std::move(reply));
                       });
}

void ManagerObject::AdoptMount(sdbus::Result<sdbus::ObjectPath>&& result, std::uint64_t mount,
                               std::uint64_t mount_namespace, std::string handover,
                               std::string program, std::string origin, std::uint32_t user) {
  MountHandover handed{.mount = mount,
                       .mount_namespace = mount_namespace,
                       .handover = std::move(handover),
                       .program = std::move(program),
                       .origin = std::move(origin),
                       .user = user};
  pass_on<std::string>(
      std::move(result), {}, kNoOptions, GiveVolume(),
      [handed = std::move(handed)](Service& service, Call call, Reply<std::string> reply) mutable {
        service.adopt_mount(std::move(call), std::move(handed), std::move(reply));
      });
}

void ManagerObject::MountAt(sdbus::Result<sdbus::ObjectPath>&& result, std::string device,
                            std::string handover, std::uint64_t mount_namespace,
                            BusOptions options) {
  MountThere wanted{.device = std::move(device),
                    .handover = std::move(handover),
                    .mount_namespace = mount_namespace};
  pass_on<std::string>(
      std::move(result), options, kMountOptions | kType, GiveVolume(),
      [wanted = std::move(wanted)](Service& service, Call call, Reply<std::string> reply) mutable {
        service.mount_at(std::move(call), std::move(wanted), std::move(reply));
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
