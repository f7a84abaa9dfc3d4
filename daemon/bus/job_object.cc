// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/job_object.h"

#include <utility>

#include "daemon/bus/bus_text.h"

namespace airlock {
namespace {

const PropertyMap kJobDefaults = {
    {"Operation", std::string()},
    {"Volume", std::string()},
    {"Progress", -1.0},
    {"BytesLeft", std::uint64_t{0}},
    {"StartedBy", std::uint32_t{0}},
    {"StartedAt", std::uint64_t{0}},
    {"CanSkip", false},
};

}  // namespace

JobObject::JobObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path,
                     std::string id)
    : BusObject(desk, bus, path, std::move(id), kJobDefaults) {}

JobObject::~JobObject() {
  disappear();
}

void JobObject::Cancel(sdbus::Result<>&& result, BusOptions options) {
  pass_on<void>(std::move(result), options, kNoUserInteraction, GiveNothing(),
                [job = id()](Service& service, Call call, Reply<void> reply) {
                  service.cancel(std::move(call), job, std::move(reply));
                });
}

void JobObject::Skip(sdbus::Result<>&& result, BusOptions options) {
  pass_on<void>(std::move(result), options, kNoUserInteraction, GiveNothing(),
                [job = id()](Service& service, Call call, Reply<void> reply) {
                  service.skip(std::move(call), job, std::move(reply));
                });
}

// The publisher gets the id of the volume, as everywhere.
sdbus::ObjectPath JobObject::Volume() {
  const std::string volume = text("Volume");
  return sdbus::ObjectPath(volume.empty() ? "/" : volume_path(volume));
}

}  // namespace airlock
