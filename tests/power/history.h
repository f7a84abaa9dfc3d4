// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace airlock::power {

// A file or folder that an independent reader found on a medium.
struct Found {
  std::string path;  // "/folder/name"
  bool folder = false;
  std::string content;         // of a file
  std::uint64_t identity = 0;  // the same for two names of one file; 0: unknown, or empty
};
using Tree = std::vector<Found>;

// The operations of a session on a tree, and which of them were acknowledged: the oracle that
// decides whether a power cut may leave a medium like this. Objects are files and folders, whatever
// their names. An operation has a number; the medium's log has a mark with that number where the
// operation was answered.
class History {
 public:
  using Object = std::size_t;
  using Step = std::int64_t;
  static constexpr Object kRoot = 0;

  History();

  // Begins the next operation; the following changes belong to it.
  Step next() { return ++now_; }
  Object make(Object parent, const std::string& name, bool folder);
  void set_content(Object file, const std::string& content);
  void remove(Object object);
  // Replaces an object that already has the name.
  void move(Object object, Object parent, const std::string& name);
  // Acknowledges everything so far, or one file.
  void synced() { synced_.push_back(now_); }
  void synced(Object file) { objects_[file].synced.push_back(now_); }

  [[nodiscard]] const std::string& content(Object file) const;

  // The possible names in a tree: while a renaming is unfinished, both the old and the new one.
  enum class Names { kOne, kOldAndNew };
  // The possible contents where two versions of a file differ: bytes of one of them, or, if a file
  // can get its size before its map or the other way round, also zeroes to the end of a block.
  enum class Contents { kExact, kHoles };
  // The fault of a tree found after a cut, if `done` is the last operation answered before it;
  // empty if there is none.
  [[nodiscard]] std::string judge(const Tree& tree, Step done, Names names,
                                  Contents contents = Contents::kExact) const;

 private:
  static constexpr Step kForEver = std::numeric_limits<Step>::max();
  // True after the step `from`, until the step `to`.
  struct Span {
    Step from = 0;
    Step to = kForEver;
  };
  struct Edge {
    Object parent = kRoot;
    std::string name;
    Span span;
  };
  struct Version {
    std::string content;
    Span span;
  };
  struct Item {
    bool folder = false;
    std::vector<Edge> edges;
    std::vector<Version> versions;
    std::vector<Step> synced;
  };
  using Slot = std::pair<Object, std::string>;  // a name in a folder
  // From the last acknowledgement to the operation that may be running.
  struct Window {
    Step from = 0;
    Step to = 0;
    [[nodiscard]] bool overlaps(const Span& span) const {
      return span.from <= to && span.to > from;
    }
  };
  class Judgement;

  [[nodiscard]] Window window(Step done) const;
  [[nodiscard]] Step acknowledged(const Item& item, Step done, Step from) const;
  [[nodiscard]] static bool lasts(std::vector<Span> spans, Window window);
  [[nodiscard]] bool may_contain(const Item& item, const std::string& content, Window window,
                                 Contents contents) const;
  void end_edge(Object object);

  Step now_ = 0;
  std::vector<Item> objects_;
  std::vector<Step> synced_;
  std::map<Slot, std::set<Object>> slots_;  // all objects that ever had a name
  std::map<Slot, Object> present_;
};

}  // namespace airlock::power
