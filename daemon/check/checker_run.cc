// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/check/checker_run.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ranges>
#include <string_view>
#include <utility>

#include "daemon/launch/sandbox_launcher.h"
#include "daemon/system/medium_memory.h"
#include "lib/base/text.h"
#include "lib/protocol/checkers.h"
#include "lib/protocol/formats.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// A worker that has answered has nothing left to do.
constexpr auto kLeaveTime = 2s;
constexpr std::chrono::milliseconds kLongestPoll = 1h;
constexpr std::string_view kWords = "airlock-check: ";

std::string_view program_name(const CheckerRow& row, CheckOperation operation) {
  if (operation == CheckOperation::kLabel) return row.label_program;
  return operation == CheckOperation::kReplay ? row.replay_program : row.check_program;
}

Result<UniqueFd> open_program(std::string_view name, const CheckerPlaces& places) {
  const auto directories =
      is_own_program(name) ? std::vector<std::string>{places.own} : places.directories;
  for (const std::string& directory : directories) {
    const std::string path = fmt::format("{}/{}", directory, name);
    if (::access(path.c_str(), X_OK) != 0) continue;
    UniqueFd program(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (program.valid()) return program;
  }
  return fail(Errc::kUnsupported, "{} is not installed", name);
}

// What there is to do if the program is missing is known for these.
Result<UniqueFd> format_program(const std::string& type, const CheckerPlaces& places) {
  TRY(const FormatRow* const row, find_format(type));
  auto program = open_program(row->program, places);
  if (program) return program;
  return fail(Errc::kUnsupported, "{} is not installed: install the package {} to format as {}",
              row->program, row->package, row->type);
}

Result<UniqueFd> program_for(const CheckRequest& request, const CheckerPlaces& places) {
  if (request.operation == CheckOperation::kErase) return UniqueFd();
  if (request.operation == CheckOperation::kFormat) return format_program(request.type, places);
  const CheckerRow* row = find_checker(request.type);
  if (row == nullptr)
    return fail(Errc::kUnsupported, "there is no checker for {}", quote(request.type));
  TRY_VOID(check_offered(*row, request.operation));
  return open_program(program_name(*row, request.operation), places);
}

Result<Worker> start_worker(BorrowedFd medium, const CheckerPlaces& places,
                            const CheckerCost& cost) {
  SandboxSpec spec;
  spec.program = places.worker;
  spec.arguments = {"airlock-check"};
  spec.limits.memory_bytes = cost.memory_bytes;
  spec.limits.stack_bytes = std::uint64_t{8} << 20;
  spec.limits.open_files = cost.open_files;
  spec.limits.tasks = cost.tasks;
  spec.limits.medium_in_memory_bytes = memory_of_medium(medium);
  SandboxLauncher launcher;
  return launcher.start(spec);
}

// Waits until the worker sends something.
Result<void> await(const Channel& channel, BorrowedFd stop, Deadline deadline) {
  std::array<pollfd, 2> waiting{{{.fd = channel.descriptor().get(), .events = POLLIN, .revents = 0},
                                 {.fd = stop.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = ::poll(waiting.data(), waiting.size(),
                             static_cast<int>(std::clamp(left, 0ms, kLongestPoll).count()));
    if (ready < 0 && errno != EINTR) return fail_errno(errno, Errc::kSystem, "wait for the check");
    if (ready > 0 && (waiting[1].revents & POLLIN) != 0)
      return fail(Errc::kCancelled, "the check was skipped");
    // receive() checks the deadline too.
    if (ready > 0 || left <= 0ms) return {};
  }
}

Result<CheckReply> hear(Channel& channel, Deadline deadline, const CheckerCompany& company) {
  while (true) {
    TRY_VOID(await(channel, company.stop, deadline));
    TRY(const auto packet, channel.receive(kCheckReplyLength, Descriptors::kRefuse, deadline));
    if (packet.bytes.size() != kCheckProgressLength) return decode_check_reply(packet.bytes);
    TRY(const auto done, decode_check_progress(packet.bytes));
    if (company.progress) company.progress(done);
  }
}

Result<CheckReply> converse(Channel& channel, const CheckRequest& request, BorrowedFd medium,
                            UniqueFd&& program, Deadline deadline, const CheckerCompany& company) {
  TRY(const Bytes bytes, encode_check_request(request));
  TRY_VOID(channel.send(bytes, medium, deadline));
  if (program.valid()) TRY_VOID(channel.send(check_program_packet(), program.borrow(), deadline));
  program.reset();
  return hear(channel, deadline, company);
}

// The last thing the worker said in its own name, without the name.
std::string last_words(const Worker& worker) {
  for (const std::string& line : worker.last_lines().lines() | std::views::reverse)
    if (line.starts_with(kWords)) return line.substr(kWords.size());
  return "";
}

std::unexpected<Error> died(const ExitCause& cause, const std::string& words) {
  std::string text = "airlock-check " + cause.describe();
  if (!words.empty()) text += "; the last it said: " + quote(words);
  return fail(Errc::kWorkerDied, "{}", text);
}

// Explains a missing answer: how the worker ended, if it did; else what is wrong with what it sent.
std::unexpected<Error> explain(Error error, Worker& worker) {
  if (error.code == Errc::kCancelled) return std::unexpected(std::move(error));
  if (error.code == Errc::kTimedOut) {
    worker.kill();
    return fail(Errc::kTimedOut, "the check took too long and was stopped");
  }
  if (error.code == Errc::kLimitExceeded || error.code == Errc::kProtocol) {
    worker.kill();
    return fail(Errc::kProtocol, "airlock-check sent an invalid answer: {}", error.what);
  }
  const auto cause = worker.wait(kLeaveTime);
  if (cause) return died(*cause, last_words(worker));
  return fail(Errc::kProtocol, "airlock-check hung up without an answer: {}", error.message());
}

}  // namespace

Result<CheckReply> run_checker(BorrowedFd medium, const CheckRequest& request,
                               const CheckerPlaces& places, Deadline deadline,
                               const CheckerCompany& company, const CheckerCost& cost) {
  TRY(auto program, program_for(request, places));
  auto worker = start_worker(medium, places, cost);
  if (!worker) return fail(std::move(worker), "start airlock-check");
  Channel channel(worker->take_control());
  auto reply = converse(channel, request, medium, std::move(program), deadline, company);
  if (!reply) return explain(std::move(reply).error(), *worker);
  // An answer does not count if its worker then crashes or stays. Once the worker has ended, so has
  // everything it started, and only the caller still has the medium.
  const auto cause = worker->wait(kLeaveTime);
  if (!cause) return fail(Errc::kTimedOut, "airlock-check answered and did not end");
  if (!cause->clean()) return died(*cause, last_words(*worker));
  return reply;
}

}  // namespace airlock
