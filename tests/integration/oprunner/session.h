// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/stat.h>

#include <array>
#include <set>
#include <string>

#include "lib/base/unique_fd.h"
#include "script.h"

namespace airlock::test {

// The result of one operation: the errno (0 for success) and the values to compare.
struct OpResult {
  int error = 0;
  std::string value = "-";
};

OpResult from_call(long result);  // errno if negative, else success without a value

// Cutting a file to its present size still changes its time. A FUSE client with a write-back cache
// does not tell the server, so no server can do it right; this gives both sides the current time.
// `file` is AT_FDCWD and a path, or a descriptor and an empty path.
void touch_if_cut_to_its_size(int file, const char* path, const struct stat& before, off_t size);

// The state a script builds up besides the tree: open files in numbered slots, and which inodes had
// space preallocated. The holes of such a file depend on the filesystem (the kernel turns unwritten
// extents into zeroes as it likes), so its map is not compared.
class Session {
 public:
  static constexpr std::size_t kSlots = 16;

  [[nodiscard]] int descriptor(const OpLine& line, std::size_t index) const;
  [[nodiscard]] UniqueFd& slot(const OpLine& line, std::size_t index);
  void remember_preallocated(int descriptor);
  [[nodiscard]] bool is_preallocated(int descriptor) const;

 private:
  std::array<UniqueFd, kSlots> slots_;
  std::set<unsigned long> preallocated_;
};

using Operation = OpResult (*)(Session&, const OpLine&);

// The operation of that name, or null. Names are looked up in two tables: operations on names and
// operations on open files.
Operation find_operation(const std::string& name);
Operation find_name_operation(const std::string& name);
Operation find_file_operation(const std::string& name);

}  // namespace airlock::test
