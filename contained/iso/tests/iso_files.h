// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "contained/iso/iso.h"
#include "contained/iso/tests/iso_image.h"
#include "contained/runtime/read_only_files.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock::iso {

// What a program sees of an image. Failures are numbers of errno, 0 is success.
class IsoFiles {
 public:
  static constexpr NodeId kRoot = 1;
  static constexpr std::size_t kLongest = 10'000;  // of a listing that has an end

  explicit IsoFiles(std::vector<std::byte> image, const DriverOptions& options = {})
      : medium(std::move(image)), reader_(medium) {
    auto opened = iso::open(reader_);
    if (!opened) {
      refusal = opened.error().what;
      code = opened.error().code;
      return;
    }
    format = *std::move(opened);
    files = std::make_unique<ReadOnlyFiles>(*format, options);
  }

  struct Listing {
    int error = 0;
    std::vector<std::string> names;  // but the dots
    std::map<std::string, NodeId> numbers;
    std::map<std::string, mode_t> types;
  };
  // One entry at a time, so that every position is used.
  Listing list(NodeId directory = kRoot) {
    class One final : public EntrySink {
     public:
      bool add(std::string_view entry, const Attributes& shown, std::uint64_t cookie) override {
        if (is_full) return false;
        is_full = true;
        name = entry;
        attributes = shown;
        next = cookie;
        return true;
      }
      bool is_full = false;
      std::string name;
      Attributes attributes;
      std::uint64_t next = 0;
    };
    Listing listing;
    std::uint64_t cookie = 0;
    for (std::size_t steps = 0; steps < kLongest; ++steps) {
      One one;
      const auto listed = files->list(directory, cookie, DirectoryDetail::kNames, one);
      // An error is told when there is nothing else to tell.
      if (!listed && !one.is_full) listing.error = listed.error().value;
      if (!one.is_full) return listing;
      cookie = one.next;
      listing.numbers[one.name] = one.attributes.stat.st_ino;
      listing.types[one.name] = one.attributes.stat.st_mode & S_IFMT;
      if (one.name != "." && one.name != "..") listing.names.push_back(one.name);
    }
    ADD_FAILURE() << "a listing without an end";
    return listing;
  }

  // 0 where there is no such thing. "a/b" is b in a.
  NodeId find(std::string_view path) {
    NodeId node = kRoot;
    for (;;) {
      const auto slash = path.find('/');
      const auto found = files->lookup(node, path.substr(0, slash));
      if (!found) return 0;
      node = found->node;
      if (slash == std::string_view::npos) return node;
      path.remove_prefix(slash + 1);
    }
  }
  int error_of(std::string_view path) {
    const auto found = files->lookup(kRoot, path);
    return found ? 0 : found.error().value;
  }
  struct stat stat(std::string_view path) {
    const auto found = files->attributes(find(path));
    EXPECT_TRUE(found) << path << ": " << found.error().value;
    return found ? found->stat : Attributes().stat;
  }
  int read_error(std::string_view path) { return read(path).first; }
  std::string content(std::string_view path) {
    auto [error, text] = read(path);
    EXPECT_EQ(error, 0) << path;
    return text;
  }
  std::string part(std::string_view path, std::uint64_t offset, std::size_t length) {
    std::string text(length, '\0');
    const auto done = files->read(find(path), offset, std::as_writable_bytes(std::span(text)));
    if (!done) return "error " + std::to_string(done.error().value);
    text.resize(*done);
    return text;
  }
  // Its target, or "error 5".
  std::string link(std::string_view path) {
    const auto target = files->read_link(find(path));
    return target ? *target : "error " + std::to_string(target.error().value);
  }

  MemoryMedium medium;
  std::string refusal;
  Errc code = {};
  std::unique_ptr<ReadOnlyFormat> format;
  std::unique_ptr<ReadOnlyFiles> files;

 private:
  std::pair<int, std::string> read(std::string_view path) {
    const auto found = files->attributes(find(path));
    if (!found) return {found.error().value, ""};
    if (found->stat.st_size > (1 << 24)) return {EFBIG, ""};
    std::string text(static_cast<std::size_t>(found->stat.st_size), '\0');
    const auto done = files->read(found->node, 0, std::as_writable_bytes(std::span(text)));
    if (!done) return {done.error().value, ""};
    EXPECT_EQ(*done, text.size());
    return {0, text};
  }

  MediumReader reader_;
};

}  // namespace airlock::iso
