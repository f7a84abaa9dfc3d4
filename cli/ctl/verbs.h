// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/ctl/arguments.h"
#include "cli/ctl/bus_client.h"
#include "lib/base/error.h"

namespace airlock::ctl {

// The environment of a verb. Its answer goes to standard output; progress and hints go to standard
// error, and are left out with --quiet.
struct Session {
  BusClient& bus;
  const Arguments& arguments;
  bool color = false;

  [[nodiscard]] const std::string& operand() const { return arguments.operands.front(); }
};

struct Verb {
  std::string_view name;
  std::string_view operands;  // "[DEVICE]"
  std::string_view what;      // one line of help
  std::size_t least;          // operands
  std::size_t most;
  std::string_view options;  // names of those allowed, separated by spaces
  Result<void> (*run)(Session&);
};

std::span<const Verb> all_verbs();

Result<void> list(Session& session);
Result<void> status(Session& session);
Result<void> info(Session& session);
Result<void> mount(Session& session);
Result<void> unmount(Session& session);
Result<void> eject(Session& session);
Result<void> recover(Session& session);
Result<void> detach(Session& session);
Result<void> skip(Session& session);
Result<void> explain(Session& session);
Result<void> monitor(Session& session);
Result<void> drivers(Session& session);
Result<void> check(Session& session);
Result<void> repair(Session& session);
Result<void> label(Session& session);
Result<void> format(Session& session);
Result<void> log_lines(Session& session);
Result<void> automount(Session& session);

// The path of the volume named by the first operand; an image file is opened and becomes a volume.
Result<std::string> path_of_operand(Session& session);

// A call of a method of a volume.
struct VolumeCall {
  std::string method;
  std::vector<Argument> arguments;
  bool shows_progress = false;
};
Result<Value::List> call_volume(Session& session, const std::string& path, VolumeCall call);

// The a{sv} of every method that changes something.
CallOptions common_options(const Arguments& arguments);

void print_json(const Value& value);
// One sentence for people, on standard error, unless --quiet.
void say(const Session& session, std::string_view text);

}  // namespace airlock::ctl
