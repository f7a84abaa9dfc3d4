// SPDX-License-Identifier: GPL-2.0-or-later
// Random operations on a volume and on a model of the expected result, with remounts in between;
// fsck.fat checks the volume at the end.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "contained/fat/tests/fat_image.h"
#include "contained/fat/tests/mounted_fat.h"
#include "contained/fat/tests/ownership.h"
#include "contained/fat/unicode.h"

namespace airlock::fat {
namespace {

struct Made {
  const char* options;
  unsigned kibibytes;
};

// A directory of the model: original names, found by their folded form.
struct Tree {
  struct Item {
    std::string name;
    std::optional<std::string> content;  // of a file
    std::unique_ptr<Tree> tree;          // of a directory
  };
  std::map<std::u16string, Item> items;
};

std::u16string key_of(std::string_view name) {
  return fold(to_utf16(name).value_or(u""));
}

class Player {
 public:
  Player(MemoryMedium& medium, unsigned seed) : medium_(medium), random_(seed) { mount(); }

  void mount() { mounted_.emplace(medium_); }
  void remount() {
    mounted_->close();
    mounted_.reset();
    mount();
    ASSERT_TRUE(mounted_->opened()) << mounted_->error();
    ASSERT_EQ(mounted_->volume().read_only_reason(), "");
  }
  void finish() { mounted_->close(); }

  void play(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
  }

  void compare() { compare(kRoot, root_); }

 private:
  struct Place {
    NodeId node;
    Tree* tree;
  };

  unsigned pick(unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random_);
  }

  std::string pick_name() {
    static const std::vector<std::string> kNames = {
        "A",           "b.txt",
        "README.TXT",  "readme.text",
        "Mixed.Case",  "long name with spaces and more.doc",
        "ünïcödé.dat", "日本語の名前.txt",
        "a.b.c.d",     "x+y=z;[1],2",
        "UPPER",       "lower",
        ".hidden",     "a much longer name that needs several slots to be kept.jpeg",
        "tilde~1",     "Ärger"};
    std::string name = kNames[pick(static_cast<unsigned>(kNames.size()))];
    if (pick(3) == 0) name = std::to_string(pick(40)) + name;
    if (pick(12) == 0) name += std::string(60 + pick(120), 'q');
    return name;
  }

  Place pick_place() {
    Place place = {kRoot, &root_};
    while (pick(3) != 0) {
      std::vector<Tree::Item*> folders;
      for (auto& [key, item] : place.tree->items) {
        if (item.tree) folders.push_back(&item);
      }
      if (folders.empty()) break;
      Tree::Item* folder = folders[pick(static_cast<unsigned>(folders.size()))];
      place = {mounted_->find(place.node, folder->name), folder->tree.get()};
    }
    return place;
  }

  std::string pick_content() {
    std::string text(pick(3) == 0 ? pick(40000) : pick(700), ' ');
    const unsigned first = pick(200);
    for (std::size_t i = 0; i < text.size(); ++i)
      text[i] = static_cast<char>('!' + (first + i * 7) % 90);
    return text;
  }

  void step() {
    const Place place = pick_place();
    ASSERT_NE(place.node, 0u);
    const std::string name = pick_name();
    const auto found = place.tree->items.find(key_of(name));
    const bool exists = found != place.tree->items.end();
    switch (pick(8)) {
      case 0:
        return make(place, name, exists);
      case 1:
        return make_folder(place, name, exists);
      case 2:
      case 3:
        if (exists) return write(place, found->second);
        return make(place, name, exists);
      case 4:
        if (exists) return resize(place, found->second);
        return make(place, name, exists);
      case 5:
        if (exists) return remove(place, found);
        return;
      case 6:
        if (exists) return rename(place, found);
        return;
      default:
        if (pick(4) == 0) {
          ASSERT_TRUE(mounted_->driver().sync_all().has_value());
        }
    }
  }

  void make(const Place& place, const std::string& name, bool exists) {
    const auto made = mounted_->driver().make_node(place.node, name, {.mode = S_IFREG | 0644});
    if (exists) {
      ASSERT_FALSE(made.has_value());
      ASSERT_EQ(made.error().value, EEXIST);
      return;
    }
    if (!made && made.error().value == ENOSPC) return;
    ASSERT_TRUE(made.has_value()) << name << ": " << made.error().value;
    place.tree->items[key_of(name)] = {.name = name, .content = "", .tree = nullptr};
  }

  void make_folder(const Place& place, const std::string& name, bool exists) {
    const auto made = mounted_->driver().make_node(place.node, name, {.mode = S_IFDIR | 0755});
    ASSERT_EQ(made.has_value(), !exists && (made || made.error().value != ENOSPC));
    if (!made) return;
    Tree::Item item = {.name = name, .content = {}, .tree = std::make_unique<Tree>()};
    place.tree->items[key_of(name)] = std::move(item);
  }

  void write(const Place& place, Tree::Item& item) {
    if (!item.content) return;
    const NodeId node = mounted_->find(place.node, item.name);
    const std::string text = pick_content();
    const std::size_t size = item.content->size();
    const std::size_t offset =
        pick(4) == 0 ? size + pick(5000) : pick(static_cast<unsigned>(size) + 1);
    if (text.empty()) return;
    const int error = mounted_->write(node, offset, text);
    if (error == ENOSPC) {
      // The part written before the medium was full stays.
      const auto attributes = mounted_->driver().attributes(node);
      ASSERT_TRUE(attributes.has_value());
      item.content = mounted_->read(node, 0, static_cast<std::size_t>(attributes->stat.st_size));
      return;
    }
    ASSERT_EQ(error, 0);
    if (item.content->size() < offset + text.size()) item.content->resize(offset + text.size());
    item.content->replace(offset, text.size(), text);
  }

  void resize(const Place& place, Tree::Item& item) {
    if (!item.content) return;
    const NodeId node = mounted_->find(place.node, item.name);
    const std::size_t size =
        pick(3) == 0 ? pick(60000) : pick(static_cast<unsigned>(item.content->size()) + 1);
    const int error = mounted_->resize(node, size);
    if (error == ENOSPC) {
      const auto attributes = mounted_->driver().attributes(node);
      item.content->resize(static_cast<std::size_t>(attributes->stat.st_size));
      return;
    }
    ASSERT_EQ(error, 0);
    item.content->resize(size);
  }

  void remove(const Place& place, std::map<std::u16string, Tree::Item>::iterator found) {
    Tree::Item& item = found->second;
    if (item.tree) {
      const auto done = mounted_->driver().remove_directory(place.node, item.name);
      ASSERT_EQ(done.has_value(), item.tree->items.empty());
      if (!done) return;
    } else {
      ASSERT_EQ(mounted_->unlink(place.node, item.name), 0);
    }
    place.tree->items.erase(found);
  }

  void rename(const Place& place, std::map<std::u16string, Tree::Item>::iterator found) {
    const Place to = pick_place();
    // The kernel never asks to move a directory into itself.
    if (found->second.tree && place.tree != to.tree) return;
    if (found->second.tree.get() == to.tree) return;
    const std::string new_name = pick_name();
    const auto target = to.tree->items.find(key_of(new_name));
    const bool exists = target != to.tree->items.end();
    const bool itself = exists && &target->second == &found->second;
    const int error = mounted_->rename(place.node, found->second.name, to.node, new_name);
    if (error == ENOSPC) return;
    if (exists && !itself) {
      const bool folder = found->second.tree != nullptr;
      if (folder != (target->second.tree != nullptr)) {
        ASSERT_EQ(error, folder ? ENOTDIR : EISDIR);
        return;
      }
      if (folder && !target->second.tree->items.empty()) {
        ASSERT_EQ(error, ENOTEMPTY);
        return;
      }
    }
    ASSERT_EQ(error, 0);
    Tree::Item item = std::move(found->second);
    item.name = exists && !itself ? target->second.name : new_name;
    place.tree->items.erase(found);
    to.tree->items[key_of(new_name)] = std::move(item);
  }

  void compare(NodeId node, const Tree& tree) {
    const auto listed = mounted_->list(node);
    ASSERT_EQ(listed.size(), tree.items.size());
    for (const auto& [key, item] : tree.items) {
      const auto found = listed.find(item.name);
      ASSERT_NE(found, listed.end()) << item.name;
      if (item.tree) {
        ASSERT_TRUE(S_ISDIR(found->second.stat.st_mode));
        ASSERT_NO_FATAL_FAILURE(compare(found->second.node, *item.tree));
      } else {
        ASSERT_EQ(static_cast<std::size_t>(found->second.stat.st_size), item.content->size());
        ASSERT_TRUE(mounted_->read_file(node, item.name) == *item.content) << item.name;
      }
    }
  }

  MemoryMedium& medium_;
  std::mt19937 random_;
  std::optional<MountedFat> mounted_;
  Tree root_;
};

class Model : public ::testing::TestWithParam<Made> {};

TEST_P(Model, DoesTheSame) {
  const unsigned seeds = GetParam().kibibytes > 100000 ? 1 : 3;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(seed);
    MemoryMedium medium(make_fat_image(GetParam().options, GetParam().kibibytes));
    const std::uint32_t lost_before = find_owners(medium).lost;
    Player player(medium, seed);
    for (int round = 0; round < 4; ++round) {
      player.play(250);
      ASSERT_NO_FATAL_FAILURE(player.compare());
      ASSERT_NO_FATAL_FAILURE(player.remount());
      ASSERT_NO_FATAL_FAILURE(player.compare());
    }
    player.finish();
    const Opinion verdict = fsck_fat(medium.bytes());
    ASSERT_EQ(verdict.status, 0) << verdict.report;
    const Ownership owners = find_owners(medium);
    ASSERT_EQ(owners.wrong, "");
    ASSERT_EQ(owners.lost, lost_before);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Model,
                         ::testing::Values(Made{"-F12", 1440}, Made{"-F12 -s4", 4096},
                                           Made{"-F16", 16384}, Made{"-F16 -s8 -r 1024", 40000},
                                           Made{"-F32 -s1", 40000}, Made{"-F32 -s1 -f1 -a", 35001},
                                           Made{"exfat -c1K", 8192}, Made{"exfat -c4K", 16384},
                                           Made{"exfat -c128K", 40000},
                                           Made{"-F16 -S4096 -s1", 32768},
                                           Made{"-F16 -s64", 132000}));

}  // namespace
}  // namespace airlock::fat
