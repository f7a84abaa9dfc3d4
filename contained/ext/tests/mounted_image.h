// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contained/ext/ext_driver.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock::ext::testing {

// The driver over a filesystem in memory, as after a mount. The medium outlives it, so a test can
// look at what is there after close(), or after a crash, which is simply not calling it.
class MountedImage {
 public:
  explicit MountedImage(BlockIo& medium, MountMode mode = MountMode::kReadWrite) {
    auto opened = Volume::open(medium, mode);
    if (!opened) {
      ADD_FAILURE() << opened.error().message();
      return;
    }
    volume_ = std::move(*opened);
    DriverOptions options;
    options.owners = MediaOwners::kMedia;
    driver_ = std::make_unique<ExtDriver>(*volume_, options);
    if (!volume_->writable()) return;
    volume_->begin_writing();
    EXPECT_TRUE(volume_->commit().has_value());  // what the background does a little later
    EXPECT_TRUE(driver_->delete_orphans().has_value());
  }

  [[nodiscard]] bool opened() const { return driver_ != nullptr; }
  ExtDriver& driver() { return *driver_; }
  Volume& volume() { return *volume_; }
  void close() { driver_->unmounted(); }

  // 0 where it could not be made.
  NodeId make_file(NodeId parent, std::string_view name, mode_t mode = S_IFREG | 0644) {
    const auto made = driver_->make_node(parent, name, {.mode = mode});
    return made ? made->node : 0;
  }
  int write(NodeId node, std::uint64_t offset, std::string_view text) {
    const auto done = driver_->write(node, offset, std::as_bytes(std::span(text)), {});
    return done ? 0 : done.error().value;
  }
  std::string read(NodeId node, std::uint64_t offset, std::size_t count) {
    std::string text(count, '\0');
    const auto done = driver_->read(node, offset, std::as_writable_bytes(std::span(text)));
    if (!done) return "error " + std::to_string(done.error().value);
    text.resize(*done);
    return text;
  }
  // "" where there is no such file.
  std::string read_file(NodeId parent, std::string_view name) {
    const auto found = driver_->lookup(parent, name);
    return found ? read(found->node, 0, static_cast<std::size_t>(found->stat.st_size)) : "";
  }

 private:
  std::unique_ptr<Volume> volume_;
  std::unique_ptr<ExtDriver> driver_;
};

inline constexpr NodeId kRoot = 1;

}  // namespace airlock::ext::testing
