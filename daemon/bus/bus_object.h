// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <exception>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/api/service.h"
#include "daemon/bus/call_desk.h"
#include "daemon/bus/open_calls.h"
#include "daemon/bus/property_bag.h"
#include "daemon/bus/sdbus_bridge.h"
#include "lib/base/error.h"
#include "lib/base/log.h"

namespace airlock {

// An object on the bus from the publisher's point of view: it exists from create() to destruction,
// and both tell the bus. Nothing here throws; errors of the bus are only logged, because there is
// nobody else to tell.
class ServedObject {
 public:
  virtual ~ServedObject() = default;
  // Takes new values; returns the names of those that differ, which must still be emitted.
  virtual std::vector<std::string> update(PropertyMap changed) = 0;
  virtual void emit_changed(const std::vector<std::string>& names) = 0;

  [[nodiscard]] OpenCalls& open_calls() { return open_calls_; }

 private:
  OpenCalls open_calls_;
};

// The common part of the three kinds of objects, around their generated adaptor. The generated part
// unpacks, the derived class's methods choose what to ask the Service, and its getters read the
// bag.
template <typename Adaptor>
class BusObject : public ServedObject, protected sdbus::AdaptorInterfaces<Adaptor> {
 public:
  std::vector<std::string> update(PropertyMap changed) override {
    return bag_.update(std::move(changed));
  }

  void emit_changed(const std::vector<std::string>& names) override {
    attempt("announce a change",
            [&] { sdbus_bridge::emit_changed(this->getObject(), Adaptor::INTERFACE_NAME, names); });
  }

  // `Derived` is constructed from (CallDesk&, IConnection&, path, id).
  template <typename Derived>
  static Result<std::unique_ptr<ServedObject>> create(CallDesk& desk, sdbus::IConnection& bus,
                                                      std::string path, std::string id,
                                                      PropertyMap all) {
    try {
      auto object = std::make_unique<Derived>(desk, bus, path, std::move(id));
      (void)object->update(std::move(all));  // nobody knows the object yet
      object->appear();
      return object;
    } catch (const sdbus::Error& problem) {
      return fail(Errc::kSystem, "export {}: {}", path, problem.what());
    }
  }

 protected:
  BusObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path, std::string id,
            const PropertyMap& defaults)
      : sdbus::AdaptorInterfaces<Adaptor>(bus, sdbus::ObjectPath(path)),
        desk_(desk),
        id_(std::move(id)),
        bag_(defaults) {}

  // Call this in the destructor of the derived class, while its getters still work.
  void disappear() {
    attempt("withdraw an object", [&] {
      if (registered_) this->getObject().emitInterfacesRemovedSignal();
      this->unregisterAdaptor();
    });
  }

  template <typename T, typename... Values, typename Give, typename Ask>
  void pass_on(sdbus::Result<Values...>&& result, const BusOptions& options, OptionSet taken,
               Give give, Ask ask) {
    desk_.pass_on<T>(this->getObject(), open_calls().take(), std::move(result), options, taken,
                     give, std::move(ask));
  }

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::string text(const char* name) const { return bag_.get<std::string>(name); }
  [[nodiscard]] bool flag(const char* name) const { return bag_.get<bool>(name); }
  [[nodiscard]] std::uint32_t number(const char* name) const {
    return bag_.get<std::uint32_t>(name);
  }
  [[nodiscard]] std::uint64_t big_number(const char* name) const {
    return bag_.get<std::uint64_t>(name);
  }
  [[nodiscard]] const PropertyBag& bag() const { return bag_; }

 private:
  void appear() {
    this->registerAdaptor();
    registered_ = true;
    this->getObject().emitInterfacesAddedSignal();
  }

  template <typename Action>
  void attempt(const char* what, Action action) noexcept {
    try {
      action();
    } catch (const std::exception& problem) {
      log(LogLevel::kWarning, "could not {} on the bus: {}", what, problem.what());
    }
  }

  CallDesk& desk_;
  std::string id_;
  PropertyBag bag_;
  bool registered_ = false;
};

}  // namespace airlock
