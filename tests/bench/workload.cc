// SPDX-License-Identifier: GPL-2.0-or-later
// One load per call: "workload NAME ARGUMENT..." runs it, takes the time inside, and prints its
// figures. bench.py decides what runs on which filesystem and in which state of the caches.

#include <charconv>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/data_load.h"
#include "tests/bench/figures.h"
#include "tests/bench/latency_load.h"
#include "tests/bench/metadata_load.h"

namespace airlock::bench {
namespace {

using Arguments = std::vector<std::string>;

struct Command {
  std::string_view name;
  std::string_view usage;
  std::size_t arguments;  // the exact number; kAnyNumber: one or more
  Result<Figures> (*run)(const Arguments& arguments);
};
constexpr std::size_t kAnyNumber = 0;

Result<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(Errc::kInvalidArgument, "not a number: {}", text);
  return value;
}

Result<SequentialLoad> sequential_load(const Arguments& arguments, Durability durability) {
  TRY(const auto bytes, number(arguments[1]));
  return SequentialLoad{.bytes = bytes, .durability = durability};
}

Result<RandomLoad> random_load(const Arguments& arguments) {
  TRY(const auto operations, number(arguments[1]));
  TRY(const auto jobs, number(arguments[2]));
  TRY(const auto seed, number(arguments[3]));
  return RandomLoad{.operations = operations, .jobs = static_cast<unsigned>(jobs), .seed = seed};
}

template <Durability kDurability>
Result<Figures> run_write(const Arguments& arguments) {
  TRY(const auto load, sequential_load(arguments, kDurability));
  return write_sequentially(arguments[0], load);
}

Result<Figures> run_read(const Arguments& arguments) {
  return read_sequentially(arguments[0], SequentialLoad{});
}

template <auto kLoad>
Result<Figures> run_random(const Arguments& arguments) {
  TRY(const auto load, random_load(arguments));
  return kLoad(arguments[0], load);
}

template <auto kLoad>
Result<Figures> run_counted(const Arguments& arguments) {
  TRY(const auto count, number(arguments[1]));
  return kLoad(arguments[0], count);
}

template <auto kLoad>
Result<Figures> run_in_directory(const Arguments& arguments) {
  return kLoad(arguments[0]);
}

constexpr Command kCommands[] = {
    {"seqwrite", "FILE BYTES", 2, run_write<Durability::kFlushed>},
    {"dirty", "FILE BYTES", 2, run_write<Durability::kLeftDirty>},
    {"seqread", "FILE", 1, run_read},
    {"randread", "FILE OPERATIONS JOBS SEED", 4, run_random<read_at_random>},
    {"randwrite", "FILE OPERATIONS JOBS SEED", 4, run_random<write_at_random>},
    {"syncwrite", "FILE OPERATIONS JOBS SEED", 4, run_random<write_synchronously>},
    {"create", "DIRECTORY COUNT", 2, run_counted<create_files>},
    {"create-many", "DIRECTORY COUNT", 2, run_counted<create_many_files>},
    {"stat", "DIRECTORY COUNT", 2, run_counted<stat_files>},
    {"unlink", "DIRECTORY COUNT", 2, run_counted<unlink_files>},
    {"run", "PROGRAM ARGUMENT...", kAnyNumber, run_program},
    {"first-readdir", "DIRECTORY", 1, run_in_directory<read_directory_when_told>},
    {"latency", "DIRECTORY", 1, run_in_directory<probe_latency>},
};

int usage() {
  fmt::print(stderr, "usage: workload NAME ARGUMENT...\n");
  for (const auto& command : kCommands)
    fmt::print(stderr, "  {} {}\n", command.name, command.usage);
  return 2;
}

int run(const Command& command, const Arguments& arguments) {
  const bool fits =
      command.arguments == kAnyNumber ? !arguments.empty() : arguments.size() == command.arguments;
  if (!fits) return usage();
  const auto figures = command.run(arguments);
  if (!figures) {
    fmt::print(stderr, "{}: {}\n", command.name, figures.error().message());
    return EXIT_FAILURE;
  }
  for (const auto& figure : *figures) fmt::print("{} {:.9f}\n", figure.name, figure.value);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace airlock::bench

int main(int count, char** values) {
  const std::vector<std::string> words(values + 1, values + count);
  if (words.empty()) return airlock::bench::usage();
  for (const auto& command : airlock::bench::kCommands)
    if (command.name == words.front())
      return airlock::bench::run(command, {words.begin() + 1, words.end()});
  return airlock::bench::usage();
}
