// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/api/publisher.h"

namespace airlock {

// All that is visible on the bus. The test fails if an unknown object is changed or removed, or if
// an object appears twice.
class FakePublisher final : public Publisher {
 public:
  std::map<std::string, PropertyMap> volumes, jobs;
  PropertyMap manager;
  std::vector<std::string> history;  // "sdb1 probing", "sdb1 mounted", "-sdb1", "+job mount"

  [[nodiscard]] std::string text(const std::string& volume, const std::string& property) const {
    const auto found = volumes.find(volume);
    if (found == volumes.end()) return "no such volume";
    return std::get<std::string>(found->second.at(property));
  }
  [[nodiscard]] std::string state(const std::string& volume) const { return text(volume, "State"); }
  // One text of Death, LastCheck or LastUnmount; empty if it is not set.
  [[nodiscard]] std::string detail(const std::string& volume, const std::string& property,
                                   const std::string& key) const {
    using Story = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;
    const auto& story = std::get<Story>(volumes.at(volume).at(property));
    const auto found = story.find(key);
    return found == story.end() ? std::string() : std::get<std::string>(found->second);
  }
  [[nodiscard]] std::string last_unmount(const std::string& volume) const {
    return detail(volume, "LastUnmount", "outcome");
  }

  void set_manager(PropertyMap changed) override { merge(manager, std::move(changed)); }
  void add_volume(const std::string& id, PropertyMap all) override {
    EXPECT_FALSE(volumes.contains(id)) << id << " twice";
    volumes[id] = std::move(all);
  }
  void change_volume(const std::string& id, PropertyMap changed) override {
    ASSERT_TRUE(volumes.contains(id)) << id;
    if (changed.contains("State"))
      history.push_back(id + " " + std::get<std::string>(changed["State"]));
    merge(volumes[id], std::move(changed));
  }
  void remove_volume(const std::string& id) override {
    EXPECT_EQ(volumes.erase(id), 1U) << id;
    history.push_back("-" + id);
  }
  void add_job(const std::string& id, PropertyMap all) override {
    EXPECT_FALSE(jobs.contains(id)) << id << " twice";
    history.push_back("+job " + std::get<std::string>(all["Operation"]));
    jobs[id] = std::move(all);
  }
  void change_job(const std::string& id, PropertyMap changed) override {
    ASSERT_TRUE(jobs.contains(id)) << id;
    merge(jobs[id], std::move(changed));
  }
  void remove_job(const std::string& id) override { EXPECT_EQ(jobs.erase(id), 1U) << id; }

 private:
  static void merge(PropertyMap& all, PropertyMap changed) {
    for (auto& [name, value] : changed) all[name] = std::move(value);
  }
};

}  // namespace airlock
