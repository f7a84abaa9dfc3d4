// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/figures.h"

// Names rather than contents: many empty files in one directory, whole programs that walk a tree,
// and the first answer of a filesystem that was just mounted.
namespace airlock::bench {

// The first makes the directory, and the last leaves it empty.
Result<Figures> create_files(const std::string& directory, std::uint64_t count);
// The same with names that every FAT keeps in one piece; also the times of the first and the last
// 1000.
Result<Figures> create_many_files(const std::string& directory, std::uint64_t count);
Result<Figures> stat_files(const std::string& directory, std::uint64_t count);
Result<Figures> unlink_files(const std::string& directory, std::uint64_t count);

// Times a program from start to end and discards its output. If it fails, so does this.
Result<Figures> run_program(const std::vector<std::string>& command);

// Prints "ready", waits for a line on standard input, lists the directory and prints the monotonic
// time of the end, so that the caller does not measure the start of this process.
Result<Figures> read_directory_when_told(const std::string& directory);

}  // namespace airlock::bench
