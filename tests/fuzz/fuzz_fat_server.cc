// SPDX-License-Identifier: GPL-2.0-or-later
// The runtime and the fat driver over a hostile medium, with requests from a kernel: see
// fuzz_kernel.h. The input is u24 length, that many bytes of a medium in the form of
// fuzz_fat_input.h, and then operations.
#include "tests/fuzz/fuzz_fat_input.h"
#include "tests/fuzz/fuzz_kernel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;
  say_nothing();
  FuzzInput input({data, size});
  const std::size_t length = input.number(3);
  MemoryMedium medium(fat::medium_of(std::as_bytes(input.bytes(length))));
  fat::with_driver(medium, [&input](FileSystem& driver) { fuzz::serve(input, driver); });
  return 0;
}
