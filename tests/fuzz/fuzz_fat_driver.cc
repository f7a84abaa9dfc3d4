// SPDX-License-Identifier: GPL-2.0-or-later
// The whole fat driver over a hostile medium, and the program that finishes its renamings after a
// power cut: see fuzz_fat_input.h. The operations are always the same.
#include "contained/fat/finish_renames.h"
#include "contained/fat/tests/busy_hands.h"
#include "tests/fuzz/fuzz_fat_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;
  MemoryMedium medium(fat::medium_of(std::as_bytes(std::span(data, size))));
  fat::with_driver(medium, [&](FileSystem& driver) {
    fat::BusyHands(driver).work();
    MemoryMedium left_open(medium.bytes());
    (void)fat::finish_renames(left_open);
    driver.unmounted();
  });
  return 0;
}
