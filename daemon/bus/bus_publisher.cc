// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_publisher.h"

#include <utility>

#include "daemon/bus/bus_text.h"
#include "daemon/bus/call_desk.h"
#include "daemon/bus/job_object.h"
#include "daemon/bus/manager_object.h"
#include "daemon/bus/volume_object.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

const std::string kManager(kManagerPath);

}  // namespace

Result<std::unique_ptr<BusPublisher>> BusPublisher::create(EventLoop& loop, BusSource& bus) {
  std::unique_ptr<BusPublisher> publisher(new BusPublisher(loop, bus));
  TRY(publisher->objects_[kManager],
      ManagerObject::create<ManagerObject>(*publisher->desk_, bus.connection(), kManager, "", {}));
  return publisher;
}

BusPublisher::BusPublisher(EventLoop& loop, BusSource& bus)
    : loop_(loop), bus_(bus), desk_(std::make_unique<CallDesk>(bus)) {}

BusPublisher::~BusPublisher() {
  // The manager goes last, because it announces that the others have gone.
  leaving_.clear();
  std::erase_if(objects_, [](const auto& entry) { return entry.first != kManager; });
}

void BusPublisher::serve(Service& service) {
  desk_->open(service);
}

void BusPublisher::set_manager(PropertyMap changed) {
  change(kManager, std::move(changed));
}

void BusPublisher::add_volume(const std::string& id, PropertyMap all) {
  const std::string path = volume_path(id);
  make_room(path);
  add(path,
      VolumeObject::create<VolumeObject>(*desk_, bus_.connection(), path, id, std::move(all)));
}

void BusPublisher::change_volume(const std::string& id, PropertyMap changed) {
  change(volume_path(id), std::move(changed));
}

void BusPublisher::remove_volume(const std::string& id) {
  remove(volume_path(id));
}

void BusPublisher::add_job(const std::string& id, PropertyMap all) {
  const std::string path = job_path(id);
  make_room(path);
  add(path, JobObject::create<JobObject>(*desk_, bus_.connection(), path, id, std::move(all)));
}

void BusPublisher::change_job(const std::string& id, PropertyMap changed) {
  change(job_path(id), std::move(changed));
}

void BusPublisher::remove_job(const std::string& id) {
  remove(job_path(id));
}

void BusPublisher::add(const std::string& path, Made made) {
  if (!made) return log(LogLevel::kError, "{}", made.error().message());
  objects_[path] = *std::move(made);
}

void BusPublisher::change(const std::string& path, PropertyMap changed) {
  const auto object = objects_.find(path);
  if (object == objects_.end()) return;  // it could not be exported, which was logged
  auto names = object->second->update(std::move(changed));
  if (names.empty()) return;
  changed_[path].insert(names.begin(), names.end());
  flush_soon();
}

void BusPublisher::remove(const std::string& path) {
  changed_.erase(path);
  auto object = objects_.extract(path);
  if (!object || !object.mapped()->open_calls().any()) return;
  object.mapped()->open_calls().on_none_left([this] { sweep_soon(); });
  leaving_.insert(std::move(object));
}

void BusPublisher::make_room(const std::string& path) {
  remove(path);
  leaving_.erase(path);
}

// Not at once: the library may still be using the call that was answered.
void BusPublisher::sweep_soon() {
  if (sweep_.active()) return;
  auto soon = loop_.soon([this] {
    sweep_.reset();
    std::erase_if(leaving_, [](const auto& entry) { return !entry.second->open_calls().any(); });
  });
  if (!soon) return log(LogLevel::kError, "{}", soon.error().message());
  sweep_ = *std::move(soon);
}

void BusPublisher::flush_soon() {
  if (flush_.active()) return;
  auto soon = loop_.soon([this] {
    flush_.reset();
    flush();
  });
  if (!soon) return flush();
  flush_ = *std::move(soon);
}

void BusPublisher::flush() {
  for (const auto& [path, names] : std::exchange(changed_, {}))
    objects_.at(path)->emit_changed({names.begin(), names.end()});
}

}  // namespace airlock
