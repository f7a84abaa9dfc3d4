// SPDX-License-Identifier: GPL-2.0-or-later
// How airlockd uses a checker, without airlockd: check_medium WHAT TYPE IMAGE [MILLISECONDS] runs
// it on an image file (or a device) and prints the result, one "name value" each line, the log
// last. It stops a checker that takes longer than those milliseconds. WHAT is an errand (check,
// repair, glance or replay) or the steps before a mount (mount-glance or mount-full). Needs root.
#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "daemon/mounting/check_errand.h"
#include "lib/base/log.h"
#include "tests/unit/fakes/file_here.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr std::chrono::milliseconds kDeadline = 120s;

void print(const std::optional<CheckReply>& reply, const std::string& read_only_reason) {
  fmt::print("read-only {}\n", read_only_reason);
  if (!reply) return;
  fmt::print("verdict {}\nchecker {}\nchanged {}\nfindings {}\nsummary {}\nlog\n{}",
             verdict_name(reply->verdict), reply->checker, reply->changed ? 1 : 0, reply->findings,
             reply->summary, reply->log);
}

Result<void> prepare(CheckFirst wanted, const std::string& type, const std::string& path,
                     std::chrono::milliseconds deadline) {
  TRY(auto medium, Medium::find(path, MediumAccess::kReadWrite));
  TRY_VOID(medium.claim(MediumHold::kOurs));
  const auto done =
      prepare_medium(medium, wanted, type, CheckerPlaces::of_this_system(), deadline, {});
  print(done.check, done.read_only_reason);
  return {};
}

Result<void> check(CheckOperation operation, const std::string& type, const std::string& path,
                   std::chrono::milliseconds deadline) {
  CheckWork work;
  work.source.path = path;
  work.source.image = file_here(
      UniqueFd(::open(path.c_str(), (only_reads(operation) ? O_RDONLY : O_RDWR) | O_CLOEXEC)));
  work.request.operation = operation;
  work.request.type = type;
  work.places = CheckerPlaces::of_this_system();
  work.deadline = deadline;
  TRY(auto pair, Channel::make_pair());
  Channel news(std::move(pair.first));
  TRY(const auto report, do_check(work, news));
  TRY(const auto reply, decode_check_reply(std::as_bytes(std::span(report.bytes))));
  print(reply, "");
  return {};
}

Result<void> run(const std::string& what, const std::string& type, const std::string& path,
                 std::chrono::milliseconds deadline) {
  const std::map<std::string, CheckOperation> operations = {{"check", CheckOperation::kCheck},
                                                            {"repair", CheckOperation::kRepair},
                                                            {"glance", CheckOperation::kGlance},
                                                            {"replay", CheckOperation::kReplay}};
  if (const auto found = operations.find(what); found != operations.end())
    return check(found->second, type, path, deadline);
  if (what == "mount-glance") return prepare(CheckFirst::kGlance, type, path, deadline);
  if (what == "mount-full") return prepare(CheckFirst::kFull, type, path, deadline);
  return fail(Errc::kInvalidArgument, "there is no {}", what);
}

}  // namespace
}  // namespace airlock

int main(int argc, char** argv) {
  airlock::log_open("check_medium", airlock::LogLevel::kError);
  if (argc != 4 && argc != 5) return 2;
  const auto deadline =
      argc == 5 ? std::chrono::milliseconds(std::atoi(argv[4])) : airlock::kDeadline;
  const auto done = airlock::run(argv[1], argv[2], argv[3], deadline);
  if (done) return 0;
  fmt::print(stderr, "check_medium: {}\n", done.error().message());
  return 1;
}
