// SPDX-License-Identifier: GPL-2.0-or-later
// The squashfs driver over a hostile medium: everything that can be reached is looked at, and then
// a kernel asks (see fuzz_kernel.h). The input is u24 length, so many bytes of a medium, and
// operations of the kernel. Metadata that is not compressed is where damage leads furthest, so the
// corpus has it both ways.
#include "contained/runtime/tests/look_at.h"
#include "contained/runtime/tests/memory_medium.h"
#include "contained/squashfs/squashfs.h"
#include "tests/fuzz/fuzz_kernel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;
  say_nothing();
  FuzzInput input({data, size});
  const auto content = std::as_bytes(input.bytes(input.number(3)));
  MemoryMedium medium(std::vector<std::byte>(content.begin(), content.end()));
  const MediumReader reader(medium);
  const auto format = squashfs::open(reader);
  if (!format) return 0;
  ReadOnlyFiles files(**format, {});
  Looker(files).look_at(1);
  if (!input.empty()) fuzz::serve(input, files);
  return 0;
}
