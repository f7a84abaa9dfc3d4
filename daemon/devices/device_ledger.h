// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "daemon/devices/device.h"

namespace airlock {

// Records what has been reported of each device, and so what must be reported next. Pure: it takes
// observations and answers with reports, in the order they are due. Even if observations repeat,
// come late or out of order, the reports make sense: a device is added before any other report
// about it, partitions come after their disk and go before it, and nothing is repeated without a
// change.
class DeviceLedger {
 public:
  struct Report {
    DeviceEvent event;
    Device device;
  };
  using Reports = std::vector<Report>;

  // More devices than any machine has. Further ones are ignored, because somebody is playing with
  // us.
  static constexpr std::size_t kMostDevices = 2048;

  enum class Notice {
    kLook,    // we looked for our own reasons
    kChange,  // we heard of a change: it is reported even if no known fact changed, because the
              // content may have
  };

  // The device exists and looks like this. Without a medium it counts as gone, and the report has
  // size 0: the reader was emptied, not pulled out.
  Reports seen(const Device& now, Notice notice);
  // The device no longer exists.
  Reports gone(dev_t number);
  // Exactly these devices exist.
  Reports only(const std::vector<Device>& present);

  // False for a message that is not newer than the last one accepted about that device. Messages
  // without a number always count as new.
  [[nodiscard]] bool is_news(dev_t number, std::uint64_t sequence_number) const;
  void accepted(dev_t number, std::uint64_t sequence_number);

  [[nodiscard]] const Device* find(dev_t number) const;

 private:
  struct Entry {
    Device device;
    std::uint64_t sequence_number = 0;
  };

  void remove(dev_t number, Reports& reports);
  void add(const Device& device, Reports& reports);

  std::map<dev_t, Entry> entries_;
};

}  // namespace airlock
