// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "contained/runtime/confine_steps.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

// The kernel's structure as of ABI 7; older headers know only its beginning.
struct LandlockRuleset {
  std::uint64_t filesystem_access = 0;
  std::uint64_t network_access = 0;
  std::uint64_t scopes = 0;
};

constexpr unsigned kAskVersion = 1;

constexpr std::uint64_t lowest_bits(unsigned count) {
  return (std::uint64_t{1} << count) - 1;
}

// How many rights of each kind an ABI knows. Asking for one it does not know is an error.
struct AbiRights {
  unsigned filesystem;
  unsigned network;
  unsigned scopes;
  std::size_t structure_size;
};
constexpr std::size_t kSizeWithNetwork = offsetof(LandlockRuleset, scopes);
constexpr std::size_t kSizeAtFirst = offsetof(LandlockRuleset, network_access);
constexpr std::array<AbiRights, 7> kRights{{
    {13, 0, 0, kSizeAtFirst},             // 1: open, make, remove, execute
    {14, 0, 0, kSizeAtFirst},             // 2: link and rename across directories
    {15, 0, 0, kSizeAtFirst},             // 3: truncate
    {15, 2, 0, kSizeWithNetwork},         // 4: bind and connect TCP
    {16, 2, 0, kSizeWithNetwork},         // 5: ioctl on newly opened devices
    {16, 2, 2, sizeof(LandlockRuleset)},  // 6: abstract sockets and signals to outside
    {16, 2, 2, sizeof(LandlockRuleset)},  // 7: only logging changed
}};

}  // namespace

// Descriptors handed to us keep the rights they were opened with; this is about everything that
// could still be opened.
Result<int> forbid_with_landlock() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) return 0;
  if (abi < 1) return fail_errno(errno, Errc::kSystem, "ask for the Landlock version");
  const auto known = std::min(static_cast<std::size_t>(abi), kRights.size());
  const AbiRights& rights = kRights[known - 1];
  const LandlockRuleset everything{.filesystem_access = lowest_bits(rights.filesystem),
                                   .network_access = lowest_bits(rights.network),
                                   .scopes = lowest_bits(rights.scopes)};
  const UniqueFd ruleset(static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &everything, rights.structure_size, 0)));
  if (!ruleset.valid()) return fail_errno(errno, Errc::kSystem, "make the Landlock rules");
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail_errno(errno, Errc::kSystem, "apply the Landlock rules");
  return static_cast<int>(abi);
}

}  // namespace airlock
