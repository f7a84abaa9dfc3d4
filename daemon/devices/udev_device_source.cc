// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/udev_device_source.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>

#include "daemon/devices/device_facts.h"
#include "daemon/system/device_node.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;

// Messages to read before other events in the loop get their turn.
constexpr int kMostMessagesAtOnce = 64;
// How long after a loss all devices are examined again; further losses meanwhile cost nothing.
constexpr auto kCatchUpDelay = 50ms;

}  // namespace

Result<std::unique_ptr<UdevDeviceSource>> UdevDeviceSource::create(EventLoop& loop,
                                                                   std::unique_ptr<UeventFeed> feed,
                                                                   SystemDevices::Places places) {
  UdevContext context(udev_new());
  if (!context) return fail_errno(errno, Errc::kSystem, "start libudev");
  return std::unique_ptr<UdevDeviceSource>(
      new UdevDeviceSource(loop, std::move(context), std::move(feed), std::move(places)));
}

UdevDeviceSource::UdevDeviceSource(EventLoop& loop, UdevContext context,
                                   std::unique_ptr<UeventFeed> feed, SystemDevices::Places places)
    : loop_(loop),
      context_(std::move(context)),
      feed_(std::move(feed)),
      places_(places),
      system_(std::move(places)) {}

Result<void> UdevDeviceSource::start(Listener listener) {
  listener_ = std::move(listener);
  // The feed has been listening since it was opened, so nothing is missed.
  TRY(on_message_, loop_.watch(feed_->descriptor(), EPOLLIN, [this](auto) { read_messages(); }));
  TRY(auto present, enumerate());
  report(ledger_.only(present));
  return {};
}

std::optional<Device> UdevDeviceSource::find(const std::string& node) {
  const dev_t number = block_device_named(node, places_.dev);
  return number == 0 ? std::nullopt : find(number);
}

std::optional<Device> UdevDeviceSource::find(dev_t number) {
  const UdevDevice device(udev_device_new_from_devnum(context_.get(), 'b', number));
  return device ? describe(device.get()) : std::nullopt;
}

void UdevDeviceSource::read_messages() {
  Uevent event;
  for (int i = 0; i < kMostMessagesAtOnce; ++i) {
    switch (feed_->next(event)) {
      case UeventFeed::Next::kNothing:
        // Not earlier: until all messages are read, the kernel silently drops further ones.
        if (std::exchange(lost_, false)) catch_up_later();
        return;
      case UeventFeed::Next::kLost:
        lost_ = true;
        break;
      case UeventFeed::Next::kEvent:
        handle(event);
        break;
    }
  }
}

void UdevDeviceSource::handle(const Uevent& event) {
  if (event.number == 0 || event.sysfs_path.empty()) return;
  if (!ledger_.is_news(event.number, event.sequence_number)) return;
  if (event.action == "remove") return handle_removal(event);
  const auto notice =
      event.action == "change" ? DeviceLedger::Notice::kChange : DeviceLedger::Notice::kLook;
  look_at(event.sysfs_path, event.number, notice);
  ledger_.accepted(event.number, event.sequence_number);
}

// Believed without looking: the kernel sends it while the device is still visible.
void UdevDeviceSource::handle_removal(const Uevent& event) {
  const Device* const known = ledger_.find(event.number);
  if (known == nullptr) return;
  // Sent before we enumerated, about an earlier device with this number.
  if (event.disk_sequence != 0 && event.disk_sequence < known->disk_sequence) return;
  const Device gone = *known;
  report(ledger_.gone(event.number));
  if (gone.kind == DeviceKind::kPartition) look_at_drive_of(gone);
}

void UdevDeviceSource::look_at(const std::string& sysfs_path, dev_t number,
                               DeviceLedger::Notice notice) {
  const UdevDevice device(udev_device_new_from_syspath(context_.get(), sysfs_path.c_str()));
  const auto now = device ? describe(device.get()) : std::nullopt;
  if (!now) return report(ledger_.gone(number));
  if (now->kind == DeviceKind::kPartition) look_at_drive_of(*now);
  report(ledger_.seen(*now, notice));
}

// A partition that comes or goes changes its disk. The disk is reported first, even if its own
// message is late.
void UdevDeviceSource::look_at_drive_of(const Device& partition) {
  if (const auto drive = find(partition.drive); drive && drive->name == partition.drive_name)
    report(ledger_.seen(*drive, DeviceLedger::Notice::kLook));
}

Result<std::vector<Device>> UdevDeviceSource::enumerate() {
  const UdevEnumerate list(udev_enumerate_new(context_.get()));
  if (!list || udev_enumerate_add_match_subsystem(list.get(), "block") < 0)
    return fail(Errc::kOutOfMemory, "list the block devices");
  if (const int answer = udev_enumerate_scan_devices(list.get()); answer < 0)
    return fail_errno(-answer, Errc::kSystem, "list the block devices");
  std::vector<Device> present;
  udev_list_entry* entry = udev_enumerate_get_list_entry(list.get());
  for (; entry != nullptr; entry = udev_list_entry_get_next(entry)) {
    const UdevDevice device(
        udev_device_new_from_syspath(context_.get(), udev_list_entry_get_name(entry)));
    if (!device) continue;  // just pulled out
    // udevd will announce a device once it has seen it.
    const bool wait_for_udevd = feed_->voice() == UeventFeed::Voice::kUdevd;
    if (wait_for_udevd && udev_device_get_is_initialized(device.get()) <= 0) continue;
    if (auto described = describe(device.get())) present.push_back(std::move(*described));
  }
  // A disk's path is the beginning of its partitions' paths.
  std::ranges::sort(present, {}, &Device::sysfs_path);
  return present;
}

void UdevDeviceSource::catch_up_later() {
  if (on_catch_up_.active()) return;
  log(LogLevel::kNotice, "messages about devices were lost; examining all of them again");
  if (auto timer = loop_.after(kCatchUpDelay, [this] { catch_up(); }))
    on_catch_up_ = std::move(*timer);
  else
    log(LogLevel::kError, "{}", timer.error().message());
}

void UdevDeviceSource::catch_up() {
  on_catch_up_.reset();
  if (const auto present = enumerate())
    report(ledger_.only(*present));
  else
    log(LogLevel::kError, "{}", present.error().message());
}

std::optional<Device> UdevDeviceSource::describe(udev_device* device) {
  auto facts = describe_device(device);
  if (!facts) return facts;
  facts->system_reason = system_reason(device, *facts);
  facts->users = users_of_device(facts->number, places_.view);
  return facts;
}

// A partition belongs to the system if its disk does, and a disk if any of its partitions does.
std::string UdevDeviceSource::system_reason(udev_device* device, const Device& facts) {
  if (std::string reason = system_.reason(names_of_device(device)); !reason.empty()) return reason;
  if (facts.kind != DeviceKind::kPartition)
    return facts.has_partitions ? reason_of_partitions(facts) : "";
  udev_device* const disk = udev_device_get_parent(device);
  const std::string reason = system_.reason(names_of_device(disk));
  return reason.empty() ? "" : fmt::format("its disk {}: {}", facts.drive_name, reason);
}

std::string UdevDeviceSource::reason_of_partitions(const Device& disk) {
  std::error_code none;  // a disk that is gone belongs to nobody
  for (std::filesystem::directory_iterator it(disk.sysfs_path, none), end; !none && it != end;
       it.increment(none)) {
    if (!std::filesystem::exists(it->path() / "partition", none)) continue;
    const UdevDevice partition(udev_device_new_from_syspath(context_.get(), it->path().c_str()));
    if (!partition) continue;
    const std::string reason = system_.reason(names_of_device(partition.get()));
    if (!reason.empty())
      return fmt::format("its partition {}: {}", it->path().filename().string(), reason);
  }
  return "";
}

void UdevDeviceSource::report(const DeviceLedger::Reports& reports) {
  for (const auto& [event, device] : reports)
    if (listener_) listener_(event, device);
}

}  // namespace airlock
