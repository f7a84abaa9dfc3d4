// SPDX-License-Identifier: GPL-2.0-or-later
// The udf driver over a hostile medium: everything that can be reached is looked at, and then a
// kernel asks (see fuzz_kernel.h). The input is u8 whether checksums are to be right, a medium
// (sparse_medium.h), and operations of the kernel.
#include "contained/runtime/read_only_files.h"
#include "contained/runtime/tests/look_at.h"
#include "contained/udf/tests/sparse_medium.h"
#include "contained/udf/udf.h"
#include "tests/fuzz/fuzz_kernel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;
  say_nothing();
  FuzzInput input({data, size});
  const bool is_signed = input.byte() != 0;
  udf::SparseMedium medium(input);
  if (is_signed) medium.sign_again();
  const MediumReader reader(medium);
  const auto format = udf::open(reader);
  if (!format) return 0;
  ReadOnlyFiles files(**format, {});
  Looker(files).look_at(1);
  if (!input.empty()) fuzz::serve(input, files);
  return 0;
}
