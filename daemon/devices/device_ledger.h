// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "daemon/devices/device.h"

namespace airlock {

// What has been reported of which device, and so what has to be reported next. Pure: it is told
// what was seen and answers with reports, in the order they are due. However often, late or out of
// order it is told things, its reports make sense: a device is added once before anything else is
// said of it, partitions come after their disk and go before it, what is the same is not said
// again.
class DeviceLedger {
 public:
  struct Report {
    DeviceEvent event;
    Device device;
  };
  using Reports = std::vector<Report>;

  // More devices than any machine has. Those beyond it are left out: somebody is playing with us.
  static constexpr std::size_t kMostDevices = 2048;

  enum class Notice {
    kLook,    // we looked for reasons of our own
    kChange,  // we were told of a change: it is reported even if nothing we know has changed, as
              // the content may have
  };

  // The device is there and looks like this. Without a medium it counts as gone, and
  // the report says size 0: a reader was emptied, not pulled out.
  Reports seen(const Device& now, Notice notice);
  // It is not there any more.
  Reports gone(dev_t number);
  // These, and no others, are there.
  Reports only(const std::vector<Device>& present);

  // False for a message that is not newer than the last one accepted about that device. Messages
  // without a number are always news.
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
