// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/launch/sandbox_launcher.h"
#include "lib/base/unique_fd.h"

namespace airlock::test {

inline constexpr std::chrono::milliseconds kPatience{60'000};

// The next packet on a control channel as text; nothing when the other end closed or kPatience
// passed.
std::optional<std::string> next_packet(BorrowedFd channel);

// Starting the hostile driver: HOW is "unfiltered" or "confined", WHAT an attack or a behaviour.
SandboxSpec hostile_spec(std::string_view how, std::string_view what,
                         std::vector<std::string> targets = {});

// Starts it; a failure to start fails the test and throws.
Worker start_hostile(std::string_view how, std::string_view what,
                     std::vector<std::string> targets = {});

// Starts it and waits for its end.
ExitCause end_of(std::string_view how, std::string_view what);

// Whether this machine lets us limit the memory of a group: it has the controller, and the tree is
// not systemd's. Asks the kernel, not the launcher.
bool can_limit_memory();
// False where it doesn't, and then the test's output names it as impossible here.
bool is_possible_here();

// The content of a file of /proc, whose size the kernel does not tell.
std::string text_of(const std::string& path);

// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace airlock::test
