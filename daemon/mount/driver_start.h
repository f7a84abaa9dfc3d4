// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/launch/driver_table.h"
#include "daemon/launch/service_peer.h"
#include "daemon/launch/worker.h"
#include "daemon/mount/mount_session.h"
#include "lib/base/error.h"
#include "lib/protocol/channel.h"

namespace airlock {

struct MountFacts;

// Where drivers come from.
struct DriverPlaces {
  std::vector<std::string> service_directories;
  std::string program_directory;
  std::vector<std::string> stock_directories;  // programs of the distribution, in this order

  // The installed ones. AIRLOCK_DRIVER_DIR in the environment names a folder of drivers to use
  // instead, services left aside, so that a build tree can run its own, and AIRLOCK_STOCK_DIR one
  // that is searched first for programs of the distribution; they count only for root itself, never
  // for a program with borrowed rights.
  static DriverPlaces of_this_system();
};

// What has to be installed before this driver can start, as a sentence for people; empty if
// nothing.
std::string missing_for(const DriverRow& row, const DriverPlaces& places);

// Whose command line the driver understands and whose word its end is. Ours know owner=, others
// need not. An adapted one is a program of the distribution that a driver of ours starts: it
// understands what ours do, but its end in order does not say that all was written.
enum class DriverOrigin { kOurs, kAdapted, kForeign };

// Of a place as mounts and D-Bus name it: "builtin", or the directory of a service socket.
DriverOrigin driver_origin(std::string_view place);
DriverOrigin driver_origin(const MountFacts& mount);

// A driver about to serve one mount: a process of ours in our sandbox, or somebody else's service
// of which at first only the connection is known.
struct StartedDriver {
  Channel channel;
  std::optional<Worker> worker;
  DriverOrigin origin = DriverOrigin::kOurs;
  std::string service_directory;  // where its socket was; empty for a process of ours
  // Once the session has run:
  ServicePeer peer;       // who answers, for services
  bool answered = false;  // whether it has said anything
};

// What to start for one mount.
struct WantedDriver {
  const DriverRow& row;
  std::string subtype;
  const DriverPlaces& places;
  std::string title;                   // of a process of ours: driver_title()
  std::uint64_t medium_in_memory = 0;  // SandboxLimits::medium_in_memory_bytes, likewise
};

Result<StartedDriver> start_driver(const WantedDriver& wanted);

// A driver in our own sandbox, whatever sockets there are.
Result<StartedDriver> start_own_driver(const WantedDriver& wanted);

// Runs the session to its end while watching the process. The failure says what a person can act
// on: the driver's own words if it gave a reason, how it ended if it died.
Result<void> run_session(MountSession& session, StartedDriver& driver, const DriverRow& row);

// The last thing the driver said in its own name ("airlock-ext: text"), without the name.
std::string last_words(const StartedDriver& driver, const DriverRow& row);

}  // namespace airlock
