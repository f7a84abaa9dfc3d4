// SPDX-License-Identifier: GPL-2.0-or-later
// The runtime and the ext driver over a damaged image, with requests from a kernel: see
// fuzz_kernel.h. See fuzz_ext_input.h for the damage; operations follow.
#include "contained/ext/ext_driver.h"
#include "contained/runtime/tests/memory_medium.h"
#include "tests/fuzz/fuzz_ext_input.h"
#include "tests/fuzz/fuzz_kernel.h"

namespace airlock::ext::testing {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  FuzzInput input(bytes);
  MemoryMedium medium(damaged_image(input));
  const auto volume = Volume::open(medium, MountMode::kReadWrite);
  if (!volume) return;
  ExtDriver driver(**volume, DriverOptions{});
  if ((*volume)->writable()) (*volume)->begin_writing();
  fuzz::serve(input, driver);
}

}  // namespace
}  // namespace airlock::ext::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  airlock::say_nothing();
  airlock::ext::testing::run({data, size});
  return 0;
}
