// SPDX-License-Identifier: GPL-2.0-or-later
#include <systemd/sd-bus.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

namespace {

constexpr const char* kUsualAddress = "unix:path=/run/dbus/system_bus_socket";

const char* system_bus_address() {
  const char* given = ::secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
  return given != nullptr && *given != '\0' ? given : kUsualAddress;
}

struct Unref {
  void operator()(sd_bus* bus) const noexcept { sd_bus_unref(bus); }
};

}  // namespace

// sdbus-c++ opens the system bus with this function of sd-bus, and version 1.2 can't choose what is
// negotiated then. This definition, in the program itself, takes precedence over that of libsystemd
// and does the same with one exception: it tells the bus not to send us descriptors. sd-bus would
// close unwanted ones, and that close() can wait for ever for the server of the file.
extern "C" __attribute__((visibility("default"), used)) int sd_bus_open_system(sd_bus** made) {
  if (made == nullptr) return -EINVAL;
  sd_bus* fresh = nullptr;
  int answer = sd_bus_new(&fresh);
  const std::unique_ptr<sd_bus, Unref> owned(fresh);
  if (answer >= 0) answer = sd_bus_set_address(fresh, system_bus_address());
  if (answer >= 0) answer = sd_bus_set_bus_client(fresh, 1);
  if (answer >= 0) answer = sd_bus_set_trusted(fresh, 0);
  if (answer >= 0) answer = sd_bus_negotiate_fds(fresh, 0);
  if (answer >= 0) answer = sd_bus_start(fresh);
  if (answer < 0) return answer;
  *made = sd_bus_ref(fresh);
  return 0;
}
