// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/uevent_feed.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/devices/foreign_text.h"

namespace airlock {
namespace {

Uevent read_event(udev_device* device) {
  return {.action = std::string(or_empty(udev_device_get_action(device))),
          .sysfs_path = std::string(or_empty(udev_device_get_syspath(device))),
          .number = udev_device_get_devnum(device),
          .sequence_number = udev_device_get_seqnum(device),
          .disk_sequence = parse_decimal(property(device, "DISKSEQ")).value_or(0)};
}

// The system's limit does not bind root. Without the right to exceed it, we take the most it
// allows; then messages may get lost, but we notice that.
void enlarge_buffer(int socket, int bytes) {
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    (void)::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

}  // namespace

UeventFeed::Voice present_voice(const std::string& control_socket) {
  using Voice = UeventFeed::Voice;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (control_socket.size() >= sizeof address.sun_path) return Voice::kKernel;
  std::ranges::copy(control_socket, address.sun_path);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  // A socket left behind by a dead udevd refuses; a udevd that is only too busy to accept does not.
  const bool answers = ::connect(socket.get(), generic, sizeof address) == 0 || errno == EAGAIN;
  return answers ? Voice::kUdevd : Voice::kKernel;
}

NetlinkFeed::NetlinkFeed(UdevContext context, UdevMonitor monitor, Voice voice)
    : context_(std::move(context)), monitor_(std::move(monitor)), voice_(voice) {}

Result<std::unique_ptr<UeventFeed>> NetlinkFeed::open(NetlinkOptions options) {
  UdevContext context(udev_new());
  if (!context) return fail_errno(errno, Errc::kSystem, "start libudev");
  const char* const group = options.voice == Voice::kUdevd ? "udev" : "kernel";
  UdevMonitor monitor(udev_monitor_new_from_netlink(context.get(), group));
  if (!monitor) return fail_errno(errno, Errc::kSystem, "listen to {} events", group);
  enlarge_buffer(udev_monitor_get_fd(monitor.get()), options.receive_buffer);
  int answer = udev_monitor_filter_add_match_subsystem_devtype(monitor.get(), "block",
                                                               /*devtype=*/nullptr);
  if (answer >= 0) answer = udev_monitor_enable_receiving(monitor.get());
  if (answer < 0) return fail_errno(-answer, Errc::kSystem, "listen to {} events", group);
  return std::unique_ptr<UeventFeed>(
      new NetlinkFeed(std::move(context), std::move(monitor), options.voice));
}

BorrowedFd NetlinkFeed::descriptor() const {
  return BorrowedFd(udev_monitor_get_fd(monitor_.get()));
}

UeventFeed::Next NetlinkFeed::next(Uevent& event) {
  errno = 0;
  const UdevDevice device(udev_monitor_receive_device(monitor_.get()));
  if (!device) return errno == ENOBUFS ? Next::kLost : Next::kNothing;
  event = read_event(device.get());
  return Next::kEvent;
}

}  // namespace airlock
