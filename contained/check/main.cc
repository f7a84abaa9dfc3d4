// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-check: given a medium and a checker of the distribution, it runs the one on the other and
// answers once what came of it.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contained/check/checker_filter.h"
#include "contained/check/checker_process.h"
#include "contained/check/command.h"
#include "contained/check/doorkeeper.h"
#include "contained/check/erase.h"
#include "contained/check/fast_commits.h"
#include "contained/check/output.h"
#include "contained/check/verdict.h"
#include "contained/runtime/confine.h"
#include "contained/runtime/one_answer.h"
#include "contained/runtime/program_output.h"
#include "lib/protocol/channel.h"

namespace airlock::check {
namespace {

// Whoever started us kills us when it has waited long enough.
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kBetweenProgress{100};
// Of the progress of formatting; the programs tell nothing.
constexpr std::uint32_t kErasedShare = 100;

struct Task {
  CheckRequest request;
  UniqueFd medium;
  UniqueFd program;
};

Result<ReceivedPacket> hear(Channel& channel, std::size_t length) {
  TRY(auto packet, channel.receive(length, Descriptors::kTakeOne, deadline_in(kPatience)));
  if (packet.odd_control_data || !packet.descriptor.valid())
    return fail(Errc::kProtocol, "a packet without its descriptor");
  return packet;
}

Result<Task> hear_task(Channel& channel) {
  TRY(auto first, hear(channel, kCheckRequestLength));
  Task task;
  TRY(task.request, decode_check_request(first.bytes));
  task.medium = std::move(first.descriptor);
  if (task.request.operation == CheckOperation::kErase) return task;
  TRY(auto second, hear(channel, kCheckProgramLength));
  if (!is_check_program_packet(second.bytes))
    return fail(Errc::kProtocol, "the packet does not name a program");
  task.program = std::move(second.descriptor);
  return task;
}

Result<Access> access_of(const Task& task) {
  const int flags = ::fcntl(task.medium.get(), F_GETFL);
  if (flags < 0) return fail_errno(errno, Errc::kSystem, "look at the medium");
  const bool writes = (flags & O_ACCMODE) == O_RDWR;
  if (writes == only_reads(task.request.operation))
    return fail(Errc::kInvalidArgument, "the medium was opened for something else");
  return writes ? Access::kReadWrite : Access::kReadOnly;
}

Result<CheckerLimits> limits_for(const Task& task) {
  struct stat status{};
  if (::fstat(task.medium.get(), &status) != 0)
    return fail_errno(errno, Errc::kSystem, "look at the medium");
  CheckerLimits limits;
  if (S_ISREG(status.st_mode)) limits.file_size = static_cast<std::uint64_t>(status.st_size);
  return limits;
}

// Watches over one run of a checker until its end.
class Run {
 public:
  Run(Channel& channel, StockProgram checker, Doorkeeper door)
      : channel_(channel), checker_(std::move(checker)), door_(std::move(door)) {}

  Result<Ending> see_through() {
    while (true) {
      std::array<pollfd, 4> waiting{{watched(checker_.life.borrow()), watched(door_.listener()),
                                     watched(checker_.output.borrow()),
                                     watched(checker_.progress.borrow())}};
      if (door_closed_) waiting[1].fd = -1;
      if (output_ended_) waiting[2].fd = -1;
      if (progress_ended_) waiting[3].fd = -1;
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)
        return fail_errno(errno, Errc::kSystem, "wait for the checker");
      if ((waiting[1].revents & POLLIN) != 0) TRY_VOID(door_.answer_one());
      if ((waiting[1].revents & (POLLHUP | POLLERR)) != 0) door_closed_ = true;
      if (waiting[2].revents != 0) read_output();
      if (waiting[3].revents != 0) read_progress();
      if (output_.too_much() && !stopped_) kill_stock_program(checker_);
      stopped_ = stopped_ || output_.too_much();
      if (waiting[0].revents != 0) return end();
    }
  }
  [[nodiscard]] std::string text() const { return output_.text(); }

 private:
  static pollfd watched(BorrowedFd fd) { return {.fd = fd.get(), .events = POLLIN, .revents = 0}; }

  Ending end() {
    read_output();
    Ending ending = ending_of(checker_);
    ending.wrote_too_much = stopped_;
    return ending;
  }

  void read_output() {
    // As much as a pipe holds; a flood must not keep us from answering the door.
    constexpr int kRounds = 16;
    for (int round = 0; round < kRounds && !output_ended_; ++round) {
      const ssize_t length = ::read(checker_.output.get(), buffer_.data(), buffer_.size());
      if (length == 0) output_ended_ = true;
      if (length <= 0) return;
      output_.append({buffer_.data(), static_cast<std::size_t>(length)});
    }
  }

  void read_progress() {
    const ssize_t length = ::read(checker_.progress.get(), buffer_.data(), buffer_.size());
    if (length == 0) progress_ended_ = true;
    if (length <= 0) return;
    const auto done = progress_.append({buffer_.data(), static_cast<std::size_t>(length)});
    const auto now = std::chrono::steady_clock::now();
    if (!done || now - last_told_ < kBetweenProgress) return;
    last_told_ = now;
    // Nobody waits for it: what does not fit is left out.
    (void)channel_.try_send(encode_check_progress(*done), kNoDescriptor);
  }

  Channel& channel_;
  StockProgram checker_;
  Doorkeeper door_;
  ProgramOutput output_;
  ProgressLines progress_;
  std::array<char, 4096> buffer_{};
  std::chrono::steady_clock::time_point last_told_;
  bool door_closed_ = false, output_ended_ = false, progress_ended_ = false, stopped_ = false;
};

// What a checker would harm it is not given. Reading and naming leave a journal alone, and of what
// is erased nothing is to be kept.
std::optional<CheckReply> refuse(const CheckerRow& row, const Task& task) {
  const CheckOperation operation = task.request.operation;
  const bool leaves_journal =
      only_reads(operation) || takes_label(operation) || operation == CheckOperation::kErase;
  if (row.family != CheckerFamily::kExt || leaves_journal ||
      !may_hold_fast_commits(task.medium.borrow()))
    return std::nullopt;
  return CheckReply{.verdict = CheckVerdict::kNeedsReplay,
                    .checker = {},
                    .summary =
                        "its journal may hold fast commits, which only the kernel's ext4 "
                        "replays: mount it there once",
                    .log = {}};
}

// Before a program may see the medium: nothing that was there must be found afterwards.
Result<void> erase_first(Channel& channel, const Task& task) {
  if (task.request.operation != CheckOperation::kFormat) return {};
  TRY_VOID(erase_ends(task.medium.borrow()));
  (void)channel.try_send(encode_check_progress(kErasedShare), kNoDescriptor);
  return {};
}

// What the program wrote may still be on its way; only then can the medium refuse it.
CheckReply wait_until_written(const Task& task, CheckReply reply) {
  const bool made =
      task.request.operation == CheckOperation::kFormat && reply.verdict == CheckVerdict::kClean;
  if (!made || ::fsync(task.medium.get()) == 0) return reply;
  reply.verdict = CheckVerdict::kUnreadable;
  reply.summary = "the medium does not take what is written to it";
  return reply;
}

std::function<Result<UniqueFd>()> filter_for(CheckerFamily family, CheckOperation operation) {
  if (operation == CheckOperation::kFormat) return install_maker_filter;
  return [family] { return install_checker_filter(family); };
}

struct Finished {
  Ending ending;
  std::string words;
};

Result<Finished> let_run(Channel& channel, const Task& task, const CheckerRow& row,
                         const std::vector<std::string>& command, Access access) {
  TRY(const auto limits, limits_for(task));
  TRY(auto checker, start_checker(task.program.borrow(), command, limits,
                                  filter_for(row.family, task.request.operation)));
  Doorkeeper door(std::move(checker.listener), task.medium.borrow(), access);
  Run run(channel, std::move(checker), std::move(door));
  TRY(const auto ending, run.see_through());
  return Finished{.ending = ending, .words = run.text()};
}

Result<CheckReply> erase(const Task& task) {
  TRY_VOID(access_of(task));
  TRY_VOID(erase_ends(task.medium.borrow()));
  return CheckReply{.verdict = CheckVerdict::kClean,
                    .changed = true,
                    .findings = 0,
                    .checker = {},
                    .summary = "erased",
                    .log = {}};
}

Result<CheckReply> carry_out(Channel& channel, const Task& task) {
  if (task.request.operation == CheckOperation::kErase) return erase(task);
  const CheckerRow* row = find_checker(task.request.type);
  if (row == nullptr) return fail(Errc::kUnsupported, "there is no checker for this type");
  TRY(const auto command, command_for(*row, task.request));
  TRY(const auto access, access_of(task));
  if (auto refused = refuse(*row, task)) return *std::move(refused);
  TRY_VOID(erase_first(channel, task));
  TRY(const auto done, let_run(channel, task, *row, command, access));
  CheckReply reply =
      wait_until_written(task, judge(row->family, task.request.operation, done.ending, done.words));
  const auto question = version_question(*row);
  if (question.empty() || reply.verdict == CheckVerdict::kDied) return reply;
  TRY(const auto told, let_run(channel, task, *row, question, access));
  if (auto version = version_told(told.ending, told.words); !version.empty())
    reply.checker = std::move(version);
  return reply;
}

Result<void> run() {
  TRY_VOID(stay_with_libraries());
  TRY(Channel channel, control_channel("to check a medium, use airlockctl check"));
  TRY(const auto task, hear_task(channel));
  TRY(const auto reply, carry_out(channel, task));
  TRY(const Bytes bytes, encode_check_reply(reply));
  return channel.send(bytes, kNoDescriptor, deadline_in(kPatience));
}

}  // namespace
}  // namespace airlock::check

int main() {
  return airlock::answer_once("airlock-check", airlock::check::run);
}
