// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/bus/sdbus_bridge.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

namespace airlock::bus_peer {

// Helpers for people/ to call other services over a connection that somebody else drives. They turn
// the exceptions of sdbus-c++ into results. Only add_match waits: it asks the bus itself and is
// only for the start.

// How long another service may take to answer.
inline constexpr std::chrono::seconds kAnswerTime{10};

using ReplyError = sdbus_bridge::MaybeError;

// Runs code that may throw an sdbus::Error; `what` is the request, for the message.
template <typename Function>
Result<void> catch_errors(std::string_view what, Function function) {
  try {
    function();
  } catch (const sdbus::Error& error) {
    return fail(Errc::kSystem, "{}: {}", what, quote(error.getMessage()));
  }
  return {};
}

// A proxy of an object. Only this overload of createProxy starts no thread.
inline Result<std::unique_ptr<sdbus::IProxy>> make_proxy(sdbus::IConnection& connection,
                                                         const std::string& service,
                                                         const std::string& path) {
  std::unique_ptr<sdbus::IProxy> proxy;
  TRY_VOID(catch_errors("talk to " + service, [&] {
    proxy = sdbus_bridge::proxy(connection, service.c_str(), path.c_str());
  }));
  return proxy;
}

// Calls `callback(sdbus::Message&)` for every message that matches the rule. The sender in a rule
// is no proof: a signal sent directly to us passes it. Check getSender(), or treat a signal as a
// hint to ask the service itself.
template <typename Callback>
Result<sdbus::Slot> add_match(sdbus::IConnection& connection, const std::string& rule,
                              Callback callback) {
  sdbus::Slot slot;
  TRY_VOID(catch_errors("watch the bus", [&] {
    slot =
        sdbus_bridge::add_match(connection, rule, [callback = std::move(callback)](auto&& message) {
          // A message with an unexpected signature is not from anybody we listen to.
          (void)catch_errors("read a signal", [&] { callback(message); });
        });
  }));
  return slot;
}

// The value of a property in an a{sv}; nothing if it is missing or of another type.
template <typename T, typename Properties>
std::optional<T> property(const Properties& properties, const std::string& name) {
  const auto found = properties.find(name);
  if (found == properties.end()) return std::nullopt;
  try {
    if (!found->second.template containsValueOfType<T>()) return std::nullopt;
    return found->second.template get<T>();
  } catch (const sdbus::Error&) {
    return std::nullopt;
  }
}

// Whether an error says that nobody offers the service, and that it can't be started.
inline bool says_nobody_is_there(const sdbus::Error& error) {
  static constexpr std::string_view kNames[] = {
      "org.freedesktop.DBus.Error.ServiceUnknown",
      "org.freedesktop.DBus.Error.NameHasNoOwner",
      "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
      "org.freedesktop.systemd1.NoSuchUnit",
      "org.freedesktop.systemd1.UnitMasked",
  };
  const std::string name = error.getName();
  for (const std::string_view known : kNames)
    if (name == known) return true;
  return false;
}

}  // namespace airlock::bus_peer
