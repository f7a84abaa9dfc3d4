// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "contained/ext/directory.h"
#include "contained/ext/directory_hash.h"

namespace airlock::ext {

// For tests of equal hashes: long names, every two of which have the same hash, found by trying.
inline std::vector<std::string> colliding_names(const DirectoryFormat& format,
                                                std::uint8_t hash_version) {
  std::unordered_map<std::uint32_t, std::string> by_hash;
  std::vector<std::string> pairs;
  std::mt19937 random(11);
  for (int i = 0; i < 300'000; ++i) {
    std::string name(8, ' ');
    for (char& letter : name) letter = static_cast<char>('a' + random() % 26);
    name.append(230, 'x');
    const auto [known, added] = by_hash.try_emplace(*name_hash(format, hash_version, name), name);
    if (added || known->second == name) continue;
    pairs.push_back(known->second);
    pairs.push_back(name);
  }
  return pairs;
}

}  // namespace airlock::ext
