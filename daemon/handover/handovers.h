// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/api/held_file.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// One descriptor that a caller handed over.
struct HandedFile {
  std::shared_ptr<HeldFile> file;
  // Our own descriptor if closing it never waits: a process (pidfd) or an unnamed pipe.
  UniqueFd own;
};

// Brings descriptors to airlockd, whose connection to the bus accepts none. A caller asks for a
// socket, sends its descriptors there, and names the socket in the call that uses them.
class Handovers {
 public:
  static constexpr std::size_t kMostFiles = 3;
  using Prepared = std::move_only_function<void(Result<std::string> socket)>;
  using Taken = std::move_only_function<void(Result<std::vector<HandedFile>>)>;

  virtual ~Handovers() = default;
  // Both answer once, from the loop and not within the call; not at all if the caller has gone.
  virtual void prepare(const std::string& sender, uid_t user, Prepared done) = 0;
  // Takes what `sender` sent to its socket: works once, and waits some seconds at most.
  virtual void take(const std::string& sender, const std::string& socket, Taken done) = 0;
  virtual void caller_gone(const std::string& sender) = 0;
};

}  // namespace airlock
