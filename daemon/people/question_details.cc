// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/question_details.h"

namespace airlock {

std::map<std::string, std::string> question_details(const std::optional<Device>& device,
                                                    const std::optional<ProbeRecord>& probe) {
  std::map<std::string, std::string> details;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) details[key] = value;
  };
  if (device) {
    add("device", device->node);
    add("bus", device->bus);
    add("port", device->port);
    add("seat", device->seat);
    add("removable", device->removable ? "true" : "false");
    add("drive.vendor", device->vendor);
    add("drive.model", device->model);
    add("drive.serial", device->serial);
  } else {
    add("image", "true");
  }
  if (probe) {
    add("volume.type", probe->type);
    add("volume.label", probe->label);
    add("volume.uuid", probe->uuid);
  }
  return details;
}

}  // namespace airlock
