// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/volume_object.h"

#include <utility>

namespace airlock {
namespace {

using Details = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;

const PropertyMap kVolumeDefaults = {
    {"Id", std::string()},
    {"Device", std::string()},
    {"DeviceNumber", std::uint64_t{0}},
    {"Drive", std::string()},
    {"Kind", std::string("disk")},
    {"State", std::string("probing")},
    {"StateReason", std::string()},
    {"DecidedBy", std::string()},
    {"Usage", std::string("other")},
    {"Type", std::string()},
    {"TypeVersion", std::string()},
    {"Label", std::string()},
    {"Uuid", std::string()},
    {"Ambivalent", false},
    {"Condition", std::string("unknown")},
    {"Size", std::uint64_t{0}},
    {"Vendor", std::string()},
    {"Model", std::string()},
    {"Serial", std::string()},
    {"Bus", std::string()},
    {"Port", std::string()},
    {"Seat", std::string()},
    {"Removable", false},
    {"Ejectable", false},
    {"WriteProtected", false},
    {"MountPoint", std::string()},
    {"MountedReadOnly", false},
    {"ReadOnlyReason", std::string()},
    {"MountedFor", std::uint32_t{0}},
    {"MountedSince", std::uint64_t{0}},
    {"Driver", std::string()},
    {"DriverOrigin", std::string()},
    {"DriverPid", std::uint32_t{0}},
    {"Death", Details()},
    {"Healed", Details()},
    {"LastCheck", Details()},
    {"LastUnmount", Details()},
    {"Uncontained", Details()},
};

}  // namespace

VolumeObject::VolumeObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path,
                           std::string id)
    : BusObject(desk, bus, path, std::move(id), kVolumeDefaults) {}

VolumeObject::~VolumeObject() {
  disappear();
}

// For questions that take only options and whose answer is only success.
void VolumeObject::ask(sdbus::Result<>&& result, const BusOptions& options, OptionSet taken,
                       Question question) {
  pass_on<void>(std::move(result), options, taken, GiveNothing(),
                [volume = id(), question](Service& service, Call call, Reply<void> reply) {
                  (service.*question)(std::move(call), volume, std::move(reply));
                });
}

void VolumeObject::Mount(sdbus::Result<std::string>&& result, BusOptions options) {
  pass_on<std::string>(std::move(result), options, kNoUserInteraction | kMountOptions | kType,
                       GiveText(),
                       [volume = id()](Service& service, Call call, Reply<std::string> reply) {
                         service.mount(std::move(call), volume, std::move(reply));
                       });
}

void VolumeObject::Unmount(sdbus::Result<>&& result, BusOptions options) {
  ask(std::move(result), options, kNoUserInteraction | kForce | kLazy, &Service::unmount);
}

void VolumeObject::Eject(sdbus::Result<>&& result, BusOptions options) {
  ask(std::move(result), options, kNoUserInteraction | kForce, &Service::eject);
}

void VolumeObject::PowerOff(sdbus::Result<>&& result, BusOptions options) {
  ask(std::move(result), options, kNoUserInteraction | kForce, &Service::power_off);
}

void VolumeObject::Recover(sdbus::Result<std::string>&& result, std::string mode,
                           BusOptions options) {
  pass_on<std::string>(std::move(result), options, kNoUserInteraction, GiveText(),
                       [volume = id(), mode = std::move(mode)](Service& service, Call call,
                                                               Reply<std::string> reply) {
                         service.recover(std::move(call), volume, mode, std::move(reply));
                       });
}

void VolumeObject::Detach(sdbus::Result<>&& result, BusOptions options) {
  ask(std::move(result), options, kNoUserInteraction, &Service::detach);
}

void VolumeObject::GetUsers(sdbus::Result<BusUsers>&& result) {
  using Users = std::vector<Service::UserOfMount>;
  pass_on<Users>(std::move(result), {}, kNoOptions, GiveValues(),
                 [volume = id()](Service& service, Call call, Reply<Users> reply) {
                   service.users(std::move(call), volume, std::move(reply));
                 });
}

void VolumeObject::GetLog(sdbus::Result<std::vector<std::string>>&& result) {
  using Lines = std::vector<std::string>;
  pass_on<Lines>(std::move(result), {}, kNoOptions, GiveLines(),
                 [volume = id()](Service& service, Call call, Reply<Lines> reply) {
                   service.log_lines(std::move(call), volume, std::move(reply));
                 });
}

void VolumeObject::GetContainment(sdbus::Result<std::string>&& result) {
  pass_on<std::string>(std::move(result), {}, kNoOptions, GiveText(),
                       [volume = id()](Service& service, Call call, Reply<std::string> reply) {
                         service.containment(std::move(call), volume, std::move(reply));
                       });
}

void VolumeObject::Check(sdbus::Result<BusMap>&& result, BusOptions options) {
  pass_on<PropertyMap>(std::move(result), options, kNoUserInteraction, GiveValues(),
                       [volume = id()](Service& service, Call call, Reply<PropertyMap> reply) {
                         service.check(std::move(call), volume, std::move(reply));
                       });
}

void VolumeObject::Repair(sdbus::Result<BusMap>&& result, BusOptions options) {
  pass_on<PropertyMap>(std::move(result), options, kNoUserInteraction, GiveValues(),
                       [volume = id()](Service& service, Call call, Reply<PropertyMap> reply) {
                         service.repair(std::move(call), volume, std::move(reply));
                       });
}

void VolumeObject::SetLabel(sdbus::Result<>&& result, std::string label, BusOptions options) {
  pass_on<void>(
      std::move(result), options, kNoUserInteraction, GiveNothing(),
      [volume = id(), label = std::move(label)](Service& service, Call call, Reply<void> reply) {
        service.set_label(std::move(call), volume, label, std::move(reply));
      });
}

void VolumeObject::Format(sdbus::Result<>&& result, std::string type, std::string label,
                          BusOptions options) {
  pass_on<void>(std::move(result), options, kNoUserInteraction, GiveNothing(),
                [volume = id(), type = std::move(type), label = std::move(label)](
                    Service& service, Call call, Reply<void> reply) {
                  service.format(std::move(call), volume, type, label, std::move(reply));
                });
}

void VolumeObject::GetCheckLog(sdbus::Result<std::vector<std::string>>&& result) {
  using Lines = std::vector<std::string>;
  pass_on<Lines>(std::move(result), {}, kNoOptions, GiveLines(),
                 [volume = id()](Service& service, Call call, Reply<Lines> reply) {
                   service.check_log(std::move(call), volume, std::move(reply));
                 });
}

BusMap VolumeObject::details(const char* name) const {
  BusMap all;
  for (const auto& [key, value] : bag().get<Details>(name))
    all.emplace(key, std::visit([](const auto& v) { return sdbus::Variant(v); }, value));
  return all;
}

}  // namespace airlock
