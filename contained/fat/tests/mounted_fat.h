// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/fat_driver.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock::fat {

inline constexpr NodeId kRoot = Nodes::kRoot;

// The entries of a listing, by name.
class Listing final : public EntrySink {
 public:
  bool add(std::string_view name, const Attributes& attributes, std::uint64_t) override {
    if (name != "." && name != "..") entries.emplace(name, attributes);
    return true;
  }
  std::multimap<std::string, Attributes> entries;
};

// The driver over a filesystem in memory, as after a mount. The medium outlives it, so a test can
// examine it after close(), or after a crash: then it does not call close().
class MountedFat {
 public:
  explicit MountedFat(BlockIo& medium, MountMode mode = MountMode::kReadWrite, View view = {}) {
    if (const auto exfat = is_exfat(medium); exfat && *exfat) {
      take(open_exfat(medium, mode), [&](ExfatVolume opened) {
        volume_ = std::move(opened.volume);
        upcase_ = std::move(opened.upcase);
        driver_ = std::make_unique<ExfatDriver>(*volume_, upcase_, view);
      });
    } else {
      take(Volume::open(medium, mode), [&](std::unique_ptr<Volume> opened) {
        volume_ = std::move(opened);
        driver_ = std::make_unique<FatDriver>(*volume_, view);
      });
    }
  }

  [[nodiscard]] bool opened() const { return driver_ != nullptr; }
  [[nodiscard]] const std::string& error() const { return error_; }
  FileSystem& driver() { return *driver_; }
  Volume& volume() { return *volume_; }
  void close() { driver_->unmounted(); }

  // 0 if it could not be made.
  NodeId make(NodeId parent, std::string_view name, mode_t mode = S_IFREG | 0644) {
    const auto made = driver_->make_node(parent, name, {.mode = mode});
    return made ? made->node : 0;
  }
  NodeId find(NodeId parent, std::string_view name) {
    const auto found = driver_->lookup(parent, name);
    return found ? found->node : 0;
  }
  int write(NodeId node, std::uint64_t offset, std::string_view text) {
    const auto done = driver_->write(node, offset, std::as_bytes(std::span(text)), {});
    return done ? 0 : done.error().value;
  }
  int resize(NodeId node, std::uint64_t size) {
    const auto done = driver_->change(node, {.size = size});
    return done ? 0 : done.error().value;
  }
  int unlink(NodeId parent, std::string_view name) {
    const auto found = driver_->lookup(parent, name);
    const auto done = driver_->unlink(parent, name);
    if (done && found) driver_->gone(found->node);
    return done ? 0 : done.error().value;
  }
  int rename(NodeId parent, std::string_view name, NodeId new_parent, std::string_view new_name) {
    const auto target = driver_->lookup(new_parent, new_name);
    const auto source = driver_->lookup(parent, name);
    const auto done = driver_->rename(parent, name, new_parent, new_name, 0);
    if (done && target && source && target->node != source->node) driver_->gone(target->node);
    return done ? 0 : done.error().value;
  }
  std::string read(NodeId node, std::uint64_t offset, std::size_t count) {
    std::string text(count, '\0');
    const auto done = driver_->read(node, offset, std::as_writable_bytes(std::span(text)));
    if (!done) return "error " + std::to_string(done.error().value);
    text.resize(*done);
    return text;
  }
  std::string read_file(NodeId parent, std::string_view name) {
    const auto found = driver_->lookup(parent, name);
    return found ? read(found->node, 0, static_cast<std::size_t>(found->stat.st_size)) : "";
  }
  std::multimap<std::string, Attributes> list(NodeId directory) {
    Listing listing;
    EXPECT_TRUE(driver_->list(directory, 0, DirectoryDetail::kAttributes, listing).has_value());
    return std::move(listing.entries);
  }

 private:
  template <typename Opened, typename Use>
  void take(Opened opened, Use use) {
    if (opened) {
      use(*std::move(opened));
    } else {
      error_ = opened.error().message();
    }
  }

  std::string error_;
  std::unique_ptr<Volume> volume_;
  UpcaseTable upcase_;
  std::unique_ptr<FileSystem> driver_;
};

}  // namespace airlock::fat
