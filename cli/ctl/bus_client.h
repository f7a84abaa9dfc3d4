// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <systemd/sd-bus.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/ctl/value.h"
#include "lib/base/error.h"

namespace airlock::ctl {

// One argument of a call: text, a number or options (a{sv}).
using CallOptions = std::map<std::string, std::variant<bool, std::string>>;
using Argument = std::variant<std::string, std::uint32_t, std::uint64_t, CallOptions>;

inline constexpr const char* kService = "org.airlock1";

// airlockd for a command line program: calls that wait for their answer, and signals. Uses sd-bus
// directly, because it has to read any message into a Value; see README.md.
class BusClient {
 public:
  struct Call {
    const char* service = kService;
    std::string path;
    std::string interface;
    std::string method;
    std::vector<Argument> arguments;
    // A person may have to type a password, and then a large cache may have to be written.
    std::chrono::seconds deadline{30};
    // Called every half second until the answer arrives; may make calls of its own.
    std::function<void()> meanwhile;
  };
  struct Signal {
    std::string path;
    std::string interface;
    std::string name;
    Value::List arguments;
  };

  // Errc::kPeerGone with helpful words if there is no bus.
  static Result<BusClient> connect();

  // The arguments of the answer. An error of the daemon keeps its Errc and words.
  Result<Value::List> call(const Call& call);

  // From here on no signal of airlockd is lost, even during a call.
  Result<void> subscribe();

  // The next signal of airlockd, or a NameOwnerChanged for its start or end; waits without limit.
  // Discards signals that other senders forge.
  Result<Signal> next_signal();

 private:
  struct Unref {
    void operator()(sd_bus* bus) const noexcept { sd_bus_flush_close_unref(bus); }
  };
  // Filled by the callbacks of sd-bus; stays in place when the client is moved.
  struct Inbox {
    std::deque<Signal> signals;
    std::string owner;  // the unique name of airlockd; empty: it does not run
    std::optional<Error> failure;
  };
  explicit BusClient(sd_bus* bus) : bus_(bus) {}
  Result<void> wait(std::chrono::microseconds at_most);
  Result<void> find_owner();
  static int keep_signal(sd_bus_message* message, void* data, sd_bus_error* error) noexcept;

  std::unique_ptr<Inbox> inbox_ = std::make_unique<Inbox>();
  std::unique_ptr<sd_bus, Unref> bus_;
};

inline constexpr const char* kManagerPath = "/org/airlock1";
inline constexpr const char* kManager = "org.airlock1.Manager";
inline constexpr const char* kVolume = "org.airlock1.Volume";
inline constexpr const char* kJob = "org.airlock1.Job";

}  // namespace airlock::ctl
