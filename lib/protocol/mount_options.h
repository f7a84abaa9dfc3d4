// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace airlock {

// The kernel takes at most this much per fsconfig string.
inline constexpr std::size_t kMaxKernelString = 255;

// MS_* bits a driver may ask for (D2).
inline constexpr std::uint32_t kKnownMountFlags = 0xd9f;

enum class AllowOther { kNo, kYes };

struct ScreenedOptions {
  std::vector<std::string> accepted;
  bool refused_allow_other = false;  // it was among them and is not permitted
};

// Screens an OPTS string (D4) and returns what the kernel shall get. Options that only repeat mount
// flags (ro, nosuid, user=...) are dropped: the flags decide. So is an allow_other that is not
// permitted: the mount is then closed to others, which is what was decided. The failure is the
// errno to answer with: EPERM for what Airlock decides itself (ids, descriptors, source, security
// contexts, anything quoted), EINVAL for unknown options and bad values.
std::expected<ScreenedOptions, std::uint32_t> screen_options(std::string_view options,
                                                             AllowOther allow_other);

}  // namespace airlock
