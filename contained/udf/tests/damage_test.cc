// SPDX-License-Identifier: GPL-2.0-or-later
// Media of every kind, damaged byte by byte: the driver answers or refuses, and always ends.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>

#include "contained/runtime/read_only_files.h"
#include "contained/runtime/tests/look_at.h"
#include "contained/udf/tests/sparse_medium.h"
#include "contained/udf/udf.h"

namespace airlock::udf {
namespace {

// With the root and every folder, and once for each name of a file.
constexpr int kFiles = 23;
constexpr int kDamages = 20;

// The inputs of the fuzz target, without what a kernel does there.
SparseMedium medium_of(const std::string& name) {
  std::ifstream file(std::filesystem::path(AIRLOCK_CORPUS) / name, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  FuzzInput input({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  input.byte();
  return SparseMedium(input);
}

struct Looked {
  std::string refused;  // why, if it was
  int readable = 0;
  int links = 0;
  std::uint64_t bytes_read = 0;
};

Looked look_at(SparseMedium& medium) {
  const MediumReader reader(medium);
  const auto format = open(reader);
  if (!format) return {.refused = format.error().message()};
  ReadOnlyFiles files(**format, {});
  Looker looker(files);
  looker.look_at(1);
  return {.refused = {},
          .readable = looker.readable,
          .links = looker.links,
          .bytes_read = looker.bytes_read};
}

class UdfDamage : public ::testing::TestWithParam<const char*> {
 protected:
  // Some byte of the medium.
  std::byte& any(SparseMedium& medium) {
    auto run = medium.runs().begin();
    std::advance(run, chance_() % medium.runs().size());
    return run->second[chance_() % run->second.size()];
  }
  std::mt19937 chance_{1};
};

// The control of all the others.
TEST_P(UdfDamage, TheSoundMediumIsReadWhole) {
  SparseMedium medium = medium_of(GetParam());
  const Looked looked = look_at(medium);
  EXPECT_EQ(looked.refused, "");
  EXPECT_EQ(looked.readable, kFiles);
  EXPECT_EQ(looked.links, 1);
  EXPECT_GT(looked.bytes_read, 5000u);
}

TEST_P(UdfDamage, SigningASoundMediumAgainChangesNothing) {
  SparseMedium medium = medium_of(GetParam());
  const auto before = medium.runs();
  medium.sign_again();
  EXPECT_TRUE(medium.runs() == before);
}

TEST_P(UdfDamage, OneByteCostsLittleOrIsSaid) {
  for (int i = 0; i < kDamages; ++i) {
    SparseMedium medium = medium_of(GetParam());
    any(medium) ^= std::byte{0x10};
    const Looked looked = look_at(medium);
    EXPECT_TRUE(looked.readable > 0 || !looked.refused.empty());
  }
}

TEST_P(UdfDamage, WithRightChecksumsEndsToo) {
  for (int i = 0; i < kDamages; ++i) {
    SparseMedium medium = medium_of(GetParam());
    for (int damages = 0; damages < 20; ++damages) any(medium) = static_cast<std::byte>(chance_());
    medium.sign_again();
    const Looked looked = look_at(medium);
    EXPECT_TRUE(looked.readable > 0 || !looked.refused.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(EveryKind, UdfDamage,
                         ::testing::Values("plain", "old", "sparable", "virtual", "old-virtual",
                                           "metadata"));

}  // namespace
}  // namespace airlock::udf
