// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace airlock::power {
namespace {

constexpr std::size_t kLargestBlock = 4096;

}  // namespace

History::History() {
  objects_.push_back({.folder = true, .edges = {}, .versions = {}, .synced = {}});
}

History::Object History::make(Object parent, const std::string& name, bool folder) {
  const Object object = objects_.size();
  objects_.push_back({.folder = folder, .edges = {}, .versions = {}, .synced = {}});
  objects_[object].versions.push_back({.content = "", .span = {.from = now_}});
  move(object, parent, name);
  return object;
}

void History::set_content(Object file, const std::string& content) {
  auto& versions = objects_[file].versions;
  versions.back().span.to = now_;
  versions.push_back({.content = content, .span = {.from = now_}});
}

const std::string& History::content(Object file) const {
  return objects_[file].versions.back().content;
}

void History::end_edge(Object object) {
  if (objects_[object].edges.empty()) return;
  Edge& edge = objects_[object].edges.back();
  if (edge.span.to != kForEver) return;
  edge.span.to = now_;
  present_.erase({edge.parent, edge.name});
}

void History::remove(Object object) {
  end_edge(object);
}

void History::move(Object object, Object parent, const std::string& name) {
  const Slot slot(parent, name);
  if (const auto replaced = present_.find(slot); replaced != present_.end())
    end_edge(replaced->second);
  end_edge(object);
  objects_[object].edges.push_back({.parent = parent, .name = name, .span = {.from = now_}});
  slots_[slot].insert(object);
  present_[slot] = object;
}

History::Window History::window(Step done) const {
  const auto after = std::ranges::upper_bound(synced_, done);
  return {.from = after == synced_.begin() ? 0 : *std::prev(after), .to = done + 1};
}

// The last sync of a file, alone or with everything.
History::Step History::acknowledged(const Item& item, Step done, Step from) const {
  const auto after = std::ranges::upper_bound(item.synced, done);
  return after == item.synced.begin() ? from : std::max(from, *std::prev(after));
}

// Whether the spans, each joining the one before, cover the whole window.
bool History::lasts(std::vector<Span> spans, Window window) {
  std::ranges::sort(spans, {}, &Span::from);
  Step until = -1;
  for (const Span& span : spans) {
    if (until < 0 && span.from <= window.from && span.to > window.from)
      until = span.to;
    else if (until == span.from)
      until = span.to;
  }
  return until > window.to;
}

// As at one moment of the window, or each byte as at some moment.
bool History::may_contain(const Item& item, const std::string& content, Window window,
                          Contents contents) const {
  std::vector<const std::string*> versions;
  for (const Version& version : item.versions)
    if (window.overlaps(version.span)) versions.push_back(&version.content);
  const auto same = [&](const std::string* version) { return *version == content; };
  if (std::ranges::any_of(versions, same)) return true;
  const auto size = [](const std::string* version) { return version->size(); };
  if (versions.empty()) return false;
  const bool holes = contents == Contents::kHoles;
  const std::size_t shortest = std::ranges::min(versions, {}, size)->size();
  const std::size_t longest = std::ranges::max(versions, {}, size)->size();
  const std::size_t most =
      holes ? (longest + kLargestBlock - 1) / kLargestBlock * kLargestBlock : longest;
  if (content.size() > most || content.size() < shortest) return false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const auto has_it = [&](const std::string* version) {
      return i < version->size() && (*version)[i] == content[i];
    };
    const bool hole = holes && content[i] == '\0' && !std::ranges::all_of(versions, [&](auto* v) {
                        return i < v->size() && (*v)[i] == (*versions.front())[i];
                      });
    if (!hole && std::ranges::none_of(versions, has_it)) return false;
  }
  return true;
}

// The examination of one tree.
class History::Judgement {
 public:
  Judgement(const History& history, Step done, Names names, Contents contents)
      : history_(history),
        done_(done),
        names_(names),
        contents_(contents),
        window_(history.window(done)) {}

  std::string judge(const Tree& tree) {
    std::set<std::string> paths;
    for (const Found& found : tree) {
      if (!paths.insert(found.path).second) return found.path + " is there twice";
      if (auto wrong = look_at(found); !wrong.empty()) return wrong;
    }
    if (auto wrong = find_lost_objects(); !wrong.empty()) return wrong;
    return find_lost_names();
  }

 private:
  // All objects that may have had this path during the window.
  std::set<Object> candidates(std::string_view path) {
    std::set<Object> objects = {kRoot};
    while (!path.empty()) {
      path.remove_prefix(1);
      const std::string name(path.substr(0, path.find('/')));
      path.remove_prefix(name.size());
      std::set<Object> below;
      for (const Object parent : objects) {
        const auto found = history_.slots_.find({parent, name});
        if (found == history_.slots_.end()) continue;
        seen_names_.insert(found->first);
        for (const Object object : found->second)
          if (had_name(object, found->first)) below.insert(object);
      }
      objects = std::move(below);
    }
    return objects;
  }

  [[nodiscard]] bool had_name(Object object, const Slot& slot) const {
    return std::ranges::any_of(history_.objects_[object].edges, [&](const Edge& edge) {
      return Slot(edge.parent, edge.name) == slot && window_.overlaps(edge.span);
    });
  }

  [[nodiscard]] Window content_window(const Item& item) const {
    return {.from = history_.acknowledged(item, done_, window_.from), .to = window_.to};
  }

  std::string look_at(const Found& found) {
    std::set<Object> fitting;
    const std::set<Object> called_so = candidates(found.path);
    for (const Object object : called_so) {
      const Item& item = history_.objects_[object];
      if (item.folder != found.folder) continue;
      if (found.folder ||
          history_.may_contain(item, found.content, content_window(item), contents_))
        fitting.insert(object);
    }
    if (fitting.empty())
      return fmt::format("{} {}", found.path,
                         called_so.empty() ? "was never there" : "has a content it never had");
    if (auto wrong = note_owner(found, fitting); !wrong.empty()) return wrong;
    seen_.insert(fitting.begin(), fitting.end());
    return {};
  }

  // Two names lead to the same bytes only while a file is being renamed.
  std::string note_owner(const Found& found, const std::set<Object>& fitting) {
    if (found.identity == 0) return {};
    const auto [known, fresh] = owners_.emplace(found.identity, std::pair(found.path, fitting));
    if (fresh) return {};
    auto& [path, before] = known->second;
    std::set<Object> both;
    std::ranges::set_intersection(before, fitting, std::inserter(both, both.begin()));
    if (both.empty() || names_ == Names::kOne)
      return fmt::format("{} and {} share their content", path, found.path);
    before = both;
    return {};
  }

  std::string find_lost_objects() {
    for (Object object = 1; object < history_.objects_.size(); ++object) {
      const Item& item = history_.objects_[object];
      std::vector<Span> spans;
      for (const Edge& edge : item.edges) spans.push_back(edge.span);
      if (seen_.contains(object) || !lasts(spans, content_window(item))) continue;
      const Edge& last = item.edges.back();
      return fmt::format("{} {}, last called {} in {}, has no name or a wrong content",
                         item.folder ? "folder" : "file", object, last.name, last.parent);
    }
    return {};
  }

  // A name that existed all the time, perhaps for one file after the other.
  std::string find_lost_names() {
    for (const auto& [slot, objects] : history_.slots_) {
      if (seen_names_.contains(slot)) continue;
      std::vector<Span> spans;
      for (const Object object : objects)
        for (const Edge& edge : history_.objects_[object].edges)
          if (Slot(edge.parent, edge.name) == slot) spans.push_back(edge.span);
      if (lasts(spans, window_))
        return fmt::format("the name {} in {} is not there", slot.second, slot.first);
    }
    return {};
  }

  const History& history_;
  Step done_;
  Names names_;
  Contents contents_;
  Window window_;
  std::set<Object> seen_;
  std::set<Slot> seen_names_;
  std::map<std::uint64_t, std::pair<std::string, std::set<Object>>> owners_;
};

std::string History::judge(const Tree& tree, Step done, Names names, Contents contents) const {
  return Judgement(*this, done, names, contents).judge(tree);
}

}  // namespace airlock::power
