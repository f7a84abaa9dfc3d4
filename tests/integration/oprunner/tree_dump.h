// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/stat.h>

#include <string>

#include "session.h"

// The visible state of a tree, as text that is equal exactly if the trees are.

namespace airlock::test {

// Type, mode, links, owner, size, device number and times of one object. A time near the present
// is written as "now": two mounts never do the same thing at the same moment.
std::string describe_status(const struct stat& status);

// Names and values of all extended attributes, sorted.
std::string describe_attributes(const char* path);

// Sorted names and types of a directory; OpResult because reading it may fail.
OpResult describe_directory(const char* path);

// The places where an open file has data, in whole pages: the page cache writes pages, so a
// filesystem with smaller blocks may or may not have kept a hole inside one.
OpResult describe_map(int descriptor);

// Prints the tree below the current directory, one line per object, each starting with "T ".
OpResult dump_tree(Session& session, const OpLine& line);

}  // namespace airlock::test
