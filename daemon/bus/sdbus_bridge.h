// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The only file that knows the differences between sdbus-c++ 1.2 (Debian 12) and 2.x. The rest of
// this folder uses only what both have in common.
namespace airlock::sdbus_bridge {

#if __has_include(<sdbus-c++/VTableItems.h>)  // 2.x
using MaybeError = std::optional<sdbus::Error>;
inline bool process_one(sdbus::IConnection& bus) {
  return bus.processPendingEvent();
}
inline std::chrono::microseconds deadline(const sdbus::IConnection::PollData& poll) {
  return poll.timeout;
}
inline std::string sender(const sdbus::IObject& object) {
  return object.getCurrentlyProcessedMessage().getSender();
}
inline sdbus::Error error(std::string name, std::string message) {
  return {sdbus::Error::Name(std::move(name)), std::move(message)};
}
template <typename Handler>
sdbus::Slot add_match(sdbus::IConnection& bus, const std::string& rule, Handler handler) {
  return bus.addMatch(rule, std::move(handler), sdbus::return_slot);
}
inline std::unique_ptr<sdbus::IProxy> proxy(sdbus::IConnection& bus, const char* name,
                                            const char* path) {
  return sdbus::createProxy(bus, sdbus::ServiceName(name), sdbus::ObjectPath(path));
}
inline void emit_changed(sdbus::IObject& object, const char* interface,
                         const std::vector<std::string>& names) {
  object.emitPropertiesChangedSignal(interface, {names.begin(), names.end()});
}
inline void release_name(sdbus::IConnection& bus, const std::string& name) {
  bus.releaseName(sdbus::ServiceName(name));
}
#else  // 1.2
using MaybeError = const sdbus::Error*;
inline bool process_one(sdbus::IConnection& bus) {
  return bus.processPendingRequest();
}
inline std::chrono::microseconds deadline(const sdbus::IConnection::PollData& poll) {
  using std::chrono::microseconds;
  return poll.timeout_usec == UINT64_MAX ? microseconds::max() : microseconds(poll.timeout_usec);
}
inline std::string sender(const sdbus::IObject& object) {
  return object.getCurrentlyProcessedMessage()->getSender();
}
inline sdbus::Error error(const std::string& name, const std::string& message) {
  return {name, message};
}
template <typename Handler>
sdbus::Slot add_match(sdbus::IConnection& bus, const std::string& rule, Handler handler) {
  return bus.addMatch(rule, std::move(handler));
}
inline std::unique_ptr<sdbus::IProxy> proxy(sdbus::IConnection& bus, const char* name,
                                            const char* path) {
  return sdbus::createProxy(bus, name, path);
}
inline void emit_changed(sdbus::IObject& object, const char* interface,
                         const std::vector<std::string>& names) {
  object.emitPropertiesChangedSignal(interface, names);
}
inline void release_name(sdbus::IConnection& bus, const std::string& name) {
  bus.releaseName(name);
}
#endif

}  // namespace airlock::sdbus_bridge
