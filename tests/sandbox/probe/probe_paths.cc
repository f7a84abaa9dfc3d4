// SPDX-License-Identifier: GPL-2.0-or-later
// probe-paths PATH...: asks a SandboxProber about devices and image files as airlockd would, all
// at once, and prints one line per path: the fields separated by tabs, texts in hexadecimal. The
// stand-in for airlockd where a test looks at the whole way from the outside.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "daemon/probe/probe_program.h"
#include "daemon/probe/sandbox_prober.h"
#include "tests/unit/fakes/file_here.h"

namespace airlock {
namespace {

ProbeTarget target_for(const std::string& path) {
  ProbeTarget target{.path = path};
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return target;
  if (S_ISBLK(status.st_mode))
    target.device = status.st_rdev;
  else
    target.image = file_here(UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC)));
  return target;
}

std::string hex(std::string_view text) {
  std::string digits;
  for (const char c : text) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return digits;
}

std::string line_for(const Result<ProbeRecord>& record) {
  if (!record)
    return fmt::format("error\t{}\t{}", error_name(record.error().code), record.error().message());
  return fmt::format("record\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", hex(record->type),
                     hex(record->version), hex(record->label), hex(record->uuid),
                     static_cast<int>(record->usage), record->block_size, record->filesystem_size,
                     record->ambivalent ? "ambivalent" : "certain",
                     static_cast<int>(record->state));
}

int run(const std::vector<std::string>& paths) {
  auto loop = EventLoop::create();
  if (!loop) return 1;
  SandboxProber prober(*loop, {.program = probe_program()});
  std::map<std::string, std::string> lines;
  std::vector<std::unique_ptr<PendingProbe>> pending;
  for (const std::string& path : paths)
    pending.push_back(prober.probe(target_for(path), [&, path](Result<ProbeRecord> record) {
      lines[path] = line_for(record);
      if (lines.size() == paths.size()) loop->stop(0);
    }));
  const auto code = loop->run();
  for (const std::string& path : paths) fmt::print("{}\t{}\n", path, lines[path]);
  return code.value_or(1);
}

}  // namespace
}  // namespace airlock

int main(int argc, char** argv) {
  return airlock::run({argv + 1, argv + argc});
}
