// SPDX-License-Identifier: GPL-2.0-or-later
// Part of the build: writes the names of this processor's system calls, so that no program has to
// load libseccomp for them.
#include <fmt/core.h>
#include <seccomp.h>

#include <cstdlib>
#include <memory>

namespace {

constexpr int kNumbers = 1024;

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

}  // namespace

int main() {
  for (int number = 0; number < kNumbers; ++number) {
    const std::unique_ptr<char, FreeText> name(
        seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number));
    if (name) fmt::print("{{{}, {{\"{}\"}}}},\n", number, name.get());
  }
  return EXIT_SUCCESS;
}
