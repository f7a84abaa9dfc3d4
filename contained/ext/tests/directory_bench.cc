// SPDX-License-Identifier: GPL-2.0-or-later
// What one operation costs in a directory in memory: fill, look up, list, empty it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "contained/ext/tests/memory_blocks.h"

namespace airlock::ext {
namespace {

template <typename Function>
double nanoseconds_each(std::size_t count, Function function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(count);
}

void measure(std::size_t count, bool checksums) {
  const DirectoryFormat format{.block_size = 4096,
                               .file_types = true,
                               .checksums = checksums,
                               .dir_index = true,
                               .default_hash_version = 1,
                               .hash_seed = {1, 2, 3, 4}};
  MemoryBlocks blocks(format.block_size);
  Directory directory(format, blocks, 12, 0x1234);
  (void)directory.initialize(2);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("file-{:06}", i));

  bool good = true;
  const double insert = nanoseconds_each(count, [&] {
    for (const auto& name : names) good &= directory.insert(name, {.inode = 5}).has_value();
  });
  std::ranges::shuffle(names, std::mt19937(1));
  const double lookup = nanoseconds_each(count, [&] {
    for (const auto& name : names) good &= directory.lookup(name).has_value();
  });
  const double absent = nanoseconds_each(count, [&] {
    for (const auto& name : names) good &= !directory.lookup(name.substr(1)).has_value();
  });
  std::size_t listed = 0;
  const double list = nanoseconds_each(count, [&] {
    good &= directory.list(0, [&](const ListedEntry&) { return ++listed > 0; }).has_value();
  });
  const double remove = nanoseconds_each(count, [&] {
    for (const auto& name : names) good &= directory.remove(name).has_value();
  });
  good &= listed == count + 2;
  fmt::print(
      "{} names, checksums {}: insert {:.0f} ns, lookup {:.0f} ns, absent {:.0f} ns, "
      "list {:.0f} ns, remove {:.0f} ns{}\n",
      count, checksums ? "on" : "off", insert, lookup, absent, list, remove,
      good ? "" : " — WRONG RESULTS");
}

}  // namespace
}  // namespace airlock::ext

int main() {
  for (const bool checksums : {false, true})
    for (const std::size_t count : {10'000U, 100'000U}) airlock::ext::measure(count, checksums);
}
