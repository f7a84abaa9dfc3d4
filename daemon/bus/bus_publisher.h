// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "daemon/api/publisher.h"
#include "daemon/api/service.h"
#include "daemon/bus/bus_source.h"
#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"

namespace airlock {

class CallDesk;
class ServedObject;

// Airlock's objects on the bus: the manager, and the objects that the daemon adds and removes.
// Their calls go to the Service given to serve(). Property changes are collected and sent in the
// loop's next round, one signal per object. An object leaves the bus when its last call is
// answered, or when another object with its name arrives.
//
// Start in this order: BusSource::open, create, the daemon with this as its Publisher, serve,
// BusSource::acquire_name. The loop and the bus must outlive it; the Service must live until the
// loop has ended. Replies that the Service still holds may be used or dropped afterwards.
class BusPublisher final : public Publisher {
 public:
  static Result<std::unique_ptr<BusPublisher>> create(EventLoop& loop, BusSource& bus);
  ~BusPublisher() override;

  void serve(Service& service);

  void set_manager(PropertyMap changed) override;
  void add_volume(const std::string& id, PropertyMap all) override;
  void change_volume(const std::string& id, PropertyMap changed) override;
  void remove_volume(const std::string& id) override;
  void add_job(const std::string& id, PropertyMap all) override;
  void change_job(const std::string& id, PropertyMap changed) override;
  void remove_job(const std::string& id) override;

 private:
  using Made = Result<std::unique_ptr<ServedObject>>;

  BusPublisher(EventLoop& loop, BusSource& bus);
  void add(const std::string& path, Made made);
  void change(const std::string& path, PropertyMap changed);
  void remove(const std::string& path);
  void make_room(const std::string& path);
  void sweep_soon();
  void flush_soon();
  void flush();

  EventLoop& loop_;
  BusSource& bus_;
  std::unique_ptr<CallDesk> desk_;
  std::map<std::string, std::unique_ptr<ServedObject>> objects_;  // by path
  std::map<std::string, std::set<std::string>> changed_;          // path, names of properties
  std::map<std::string, std::unique_ptr<ServedObject>> leaving_;  // until no call is open
  EventSource flush_;
  EventSource sweep_;
};

}  // namespace airlock
