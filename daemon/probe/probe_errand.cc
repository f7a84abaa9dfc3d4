// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/probe_errand.h"

#include <unistd.h>

#include <cerrno>
#include <ranges>
#include <string_view>
#include <utility>

#include "daemon/launch/sandbox_launcher.h"
#include "lib/base/text.h"
#include "lib/protocol/channel.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// A worker that has answered has nothing left to do.
constexpr auto kLeaveTime = 2s;
constexpr std::string_view kWords = "airlock-probe: ";

SandboxSpec sandbox_for(const std::string& program, const ProbeLimits& limits) {
  SandboxSpec spec;
  spec.program = program;
  spec.arguments = {"airlock-probe"};
  spec.limits.memory_bytes = limits.memory_bytes;
  spec.limits.open_files = limits.open_files;
  spec.limits.tasks = 1;
  return spec;
}

Result<Worker> start_worker(const std::string& program, const ProbeLimits& limits) {
  if (::access(program.c_str(), X_OK) != 0) {
    const int error = errno;
    return fail_errno(error, Errc::kUnsupported, "the program {}", quote(program));
  }
  SandboxLauncher launcher;
  return launcher.start(sandbox_for(program, limits));
}

Result<Bytes> converse(Channel& channel, UniqueFd&& medium, Deadline deadline) {
  TRY_VOID(channel.send(kProbeRequest, medium.borrow(), deadline));
  medium.reset();  // from here on only the worker has it
  TRY(auto packet, channel.receive(kProbeReplyLength, Descriptors::kRefuse, deadline));
  return std::move(packet.bytes);
}

// The last thing the worker said in its own name, without the name.
std::string last_words(const Worker& worker) {
  for (const std::string& line : worker.last_lines().lines() | std::views::reverse)
    if (line.starts_with(kWords)) return line.substr(kWords.size());
  return "";
}

std::unexpected<Error> died(const ExitCause& cause, const std::string& words) {
  std::string text = "airlock-probe " + cause.describe();
  if (!words.empty()) text += "; the last it said: " + quote(words);
  return fail(Errc::kWorkerDied, "{}", text);
}

// Explains a missing answer: how the worker ended, if it did; else what is wrong with what it sent.
std::unexpected<Error> explain(Error error, Worker& worker, const ProbeLimits& limits) {
  if (error.code == Errc::kTimedOut) {
    worker.kill();
    return fail(Errc::kTimedOut, "airlock-probe gave no answer within {} ms",
                limits.deadline.count());
  }
  // Only a worker that was taken over sends this much, so we do not ask for its reasons.
  if (error.code == Errc::kLimitExceeded) {
    worker.kill();
    return fail(Errc::kProtocol, "airlock-probe sent an invalid answer: {}", error.what);
  }
  const auto cause = worker.wait(kLeaveTime);
  if (cause) return died(*cause, last_words(worker));
  return fail(Errc::kProtocol, "airlock-probe hung up without an answer: {}", error.message());
}

}  // namespace

Result<ErrandReport> run_probe(const ProbeTarget& target, const std::string& program,
                               const ProbeLimits& limits) {
  const Deadline deadline = deadline_in(limits.deadline);
  TRY(auto medium, open_for_probe(target));
  auto worker = start_worker(program, limits);
  if (!worker) return fail(std::move(worker), "start airlock-probe");
  Channel channel(worker->take_control());
  auto reply = converse(channel, std::move(medium), deadline);
  if (!reply) return explain(std::move(reply).error(), *worker, limits);
  // An answer does not count if its worker then crashes or stays.
  const auto cause = worker->wait(kLeaveTime);
  if (!cause) return fail(Errc::kTimedOut, "airlock-probe answered and did not end");
  if (!cause->clean()) return died(*cause, last_words(*worker));
  ErrandReport report;
  report.bytes.assign(reinterpret_cast<const char*>(reply->data()), reply->size());
  return report;
}

}  // namespace airlock
