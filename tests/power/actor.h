// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>

#include "contained/runtime/file_system.h"
#include "tests/power/history.h"

namespace airlock::power {

// Changes a mounted filesystem through the driver's request interface, and tells a History. Knows
// all files and folders, so a workload only chooses.
class Actor {
 public:
  using Object = History::Object;
  using Done = Outcome<void>;
  struct Place {
    Object parent = History::kRoot;
    std::string name;
    bool folder = false;
  };

  Actor(FileSystem& files, History& history, NodeId root)
      : files_(files), history_(history), root_(root) {}

  [[nodiscard]] const std::map<Object, Place>& all() const { return there_; }
  [[nodiscard]] bool has(Object object) const { return there_.contains(object); }
  [[nodiscard]] bool is_inside(Object inner, Object outer) const;
  [[nodiscard]] bool is_taken(Object parent, const std::string& name) const;
  [[nodiscard]] bool has_children(Object folder) const;
  [[nodiscard]] std::size_t size(Object file) const { return history_.content(file).size(); }

  Outcome<Object> make(const Place& place);
  Done write(Object file, std::size_t at, const std::string& text);
  Done resize(Object file, std::size_t size);
  // Replaces a file or folder that already has the name.
  Done rename(Object object, Place to);
  Done remove(Object object);
  Done sync();
  Done sync(Object object);

 private:
  Outcome<NodeId> node_of(Object object);
  void let_go(NodeId node);

  FileSystem& files_;
  History& history_;
  NodeId root_;
  std::map<Object, Place> there_;
};

}  // namespace airlock::power
