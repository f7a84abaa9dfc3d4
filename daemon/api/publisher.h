// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/api/property_map.h"

namespace airlock {

// How the daemon reports objects and their properties to the bus side. Calls within one round of
// the loop are combined into one PropertiesChanged per object.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void set_manager(PropertyMap changed) = 0;
  virtual void add_volume(const std::string& id, PropertyMap all) = 0;
  virtual void change_volume(const std::string& id, PropertyMap changed) = 0;
  virtual void remove_volume(const std::string& id) = 0;
  virtual void add_job(const std::string& id, PropertyMap all) = 0;
  virtual void change_job(const std::string& id, PropertyMap changed) = 0;
  virtual void remove_job(const std::string& id) = 0;
};

}  // namespace airlock
