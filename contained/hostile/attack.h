// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace airlock::hostile {

// What an attack aims at, made ready by the test: a process to harm, sockets to reach.
struct Targets {
  pid_t victim = -1;               // a process of another user, outside
  const char* socket_path = "";    // somebody listens there
  const char* abstract_name = "";  // and there, without a file
  unsigned short port = 0;         // and there on 127.0.0.1
};

// Returns 0 if it got what it wanted, else the errno it was refused with. Each is chosen such that
// it works for a process that nothing holds back; the test runs it that way too.
using Attack = int (*)(const Targets&);

// Who is expected to stop it: the filter stops all of them, but most are hopeless before.
enum class StoppedBy {
  kNamespacesToo,  // also without the filter: empty root, namespaces, identity, limits
  kFilterOnly,     // harmless inside the sandbox, refused anyway
  kGoodbye,        // harmless, and the first filter lets it happen; the second does not
  kControlGroup,   // by nothing else: what it does is a worker's work, but too much of it
};

struct NamedAttack {
  std::string_view name;
  Attack run;
  StoppedBy stopped_by;
};

std::span<const NamedAttack> attacks();

// What some attacks need and what only somebody unconfined can make.
void prepare_attack(std::string_view name);

// The attacks of attacks.inc, one function per name.
#define AIRLOCK_ATTACK(name, stopped_by) int name(const Targets& targets);
#include "contained/hostile/attacks.inc"
#undef AIRLOCK_ATTACK

}  // namespace airlock::hostile
