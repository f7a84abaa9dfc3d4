// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/figures.h"

// Names rather than contents: many empty files in one directory, whole programs that walk a tree,
// and the first answer of a filesystem that was just mounted.
namespace airlock::bench {

// The directory is made by the first and left empty by the last.
Result<Figures> create_files(const std::string& directory, std::uint64_t count);
// The same with names every FAT keeps in one piece; also what the first and the last 1000 took.
Result<Figures> create_many_files(const std::string& directory, std::uint64_t count);
Result<Figures> stat_files(const std::string& directory, std::uint64_t count);
Result<Figures> unlink_files(const std::string& directory, std::uint64_t count);

// Times a program from its start to its end, output thrown away. Failing is a failure.
Result<Figures> run_program(const std::vector<std::string>& command);

// Says "ready", waits for a line on standard input, lists the directory and gives the monotonic
// time of the end, so that starting this process is no part of what the caller measures.
Result<Figures> read_directory_when_told(const std::string& directory);

}  // namespace airlock::bench
