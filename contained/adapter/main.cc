// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-adapter: a driver whose work a program of the distribution does. It speaks with the
// mounting side, starts the program contained, and answers it when it opens its medium and mounts.
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "contained/adapter/command.h"
#include "contained/adapter/program_door.h"
#include "contained/adapter/program_filter.h"
#include "contained/runtime/confine.h"
#include "contained/runtime/driver_options.h"
#include "contained/runtime/medium_head.h"
#include "contained/runtime/medium_request.h"
#include "contained/runtime/process_title.h"
#include "contained/runtime/program_output.h"
#include "contained/runtime/stock_program.h"
#include "lib/base/duplicate.h"
#include "lib/base/log.h"
#include "lib/base/sandbox_contract.h"
#include "lib/base/text.h"
#include "lib/protocol/driver_title.h"
#include "lib/protocol/server.h"

namespace airlock::adapter {
namespace {

constexpr std::array kOwnFilter = {
#include "contained/adapter/filter.inc"
};

constexpr std::string_view kName = "airlock-adapter";
// Of what the program writes while it serves, to the log.
constexpr std::size_t kMostLogged = 16'384;

// SIGTERM is for the program: it writes what it has, and ends.
volatile std::sig_atomic_t told_to_end = 0;

void on_terminate(int) {
  told_to_end = 1;
}

sigset_t terminate_only() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  return set;
}

// Blocked but for the time of waiting, so that none is missed in between.
void prepare_to_be_told() {
  struct sigaction action = {};
  action.sa_handler = on_terminate;
  (void)::sigaction(SIGTERM, &action, nullptr);
  const sigset_t set = terminate_only();
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
}

pollfd watched(BorrowedFd fd) {
  return {.fd = fd.get(), .events = POLLIN, .revents = 0};
}

std::string how_it_ended(int status) {
  if (status == -1) return "ended, and it is unknown how";
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

// One medium, its program, and the mount between them.
class Adapter {
 public:
  Adapter(Server& session, const DriverOptions& options, const AdaptedProgram& row,
          std::span<char*> argv)
      : session_(session), options_(options), row_(row), argv_(argv) {}

  // From the start of the program to its end.
  Result<void> run();

 private:
  Result<void> take_medium();
  Result<void> start();
  Result<void> see_mounted();
  Result<void> see_unmounted();
  Result<void> wait_once();
  Result<void> judge();
  int mount(const AskedMount& asked);
  Result<void> make_mount(const AskedMount& asked);
  void read_output();
  void log_output(std::string_view text);
  void pass_on_end();
  [[nodiscard]] bool connection_is_over() const;
  std::unexpected<Error> gave_up();

  Server& session_;
  const DriverOptions& options_;
  const AdaptedProgram& row_;
  std::span<char*> argv_;
  UniqueFd medium_;
  UniqueFd fuse_device_;
  std::optional<DescriptorIo> look_;  // of ours, to compare with head_
  MediumHead head_;
  StockProgram program_;
  std::optional<ProgramDoor> door_;
  ProgramOutput output_;
  std::string line_;  // the beginning of one that is to be logged
  std::size_t logged_ = 0;
  bool read_only_ = true;
  bool door_hung_up_ = false;
  bool output_ended_ = false;
  bool serving_ = false;
  std::optional<int> status_;
  std::optional<Error> mount_failure_;
};

Result<void> Adapter::take_medium() {
  TRY(medium_, ask_for_medium(session_, options_,
                              row_.writes() ? MediumUse::kReadAndWrite : MediumUse::kOnlyRead));
  const int flags = ::fcntl(medium_.get(), F_GETFL);
  if (flags < 0) return fail_errno(errno, Errc::kSystem, "look at the medium");
  read_only_ = (flags & O_ACCMODE) == O_RDONLY;
  fuse_device_ = session_.take_fuse_device();
  // Anything but fuseblk has a claim of its own from the beginning to the end. A program that
  // writes may have changed any part of it before it mounts.
  if (!options_.fuseblk || row_.writes()) return {};
  TRY(auto copy, duplicate(medium_.borrow()));
  TRY(auto look, DescriptorIo::adopt(std::move(copy)));
  look_.emplace(std::move(look));
  TRY(head_, MediumHead::read(*look_));
  return {};
}

Result<void> Adapter::start() {
  const auto command =
      command_for(row_, {.read_only = read_only_, .user = options_.user, .group = options_.group});
  const UniqueFd program(kLentDescriptor);  // nobody else needs it
  if (::fcntl(program.get(), F_GETFD) < 0)
    return fail(Errc::kSystem, "there is no program {} to run", row_.name);
  TRY(program_, start_stock_program({.program = program.borrow(),
                                     .command = command,
                                     .environment = {},
                                     .install_filter = install_program_filter}));
  TRY(door_, ProgramDoor::create(
                 std::move(program_.listener),
                 {.medium = medium_.borrow(),
                  .fuse_device = fuse_device_.borrow(),
                  .access = read_only_ ? MediumAccess::kReadOnly : MediumAccess::kReadWrite,
                  .mount = [this](const AskedMount& asked) { return mount(asked); }}));
  // The child has no part in it: its own filter is another. It has asked for nothing yet.
  return confine_to_calls(kOwnFilter);
}

Result<void> Adapter::make_mount(const AskedMount& asked) {
  ServiceMount wanted = {.kind = options_.fuseblk ? FuseKind::kFuseblk : FuseKind::kFuse,
                         .source = options_.medium,
                         .mount_point = options_.mount_point,
                         .expected_type = kExpectDirectory,
                         .options = "default_permissions",
                         .mount_table = {},
                         .flags = options_.flags};
  if (options_.allow_other) wanted.options += ",allow_other";
  if (asked.max_read) wanted.options += fmt::format(",max_read={}", *asked.max_read);
  if (options_.fuseblk && asked.block_size)
    wanted.options += fmt::format(",blksize={}", *asked.block_size);
  if (!row_.writes() && !options_.read_only())
    log(LogLevel::kWarning, "mounted read-only: {} can only read", row_.name);
  if (asked.read_only && !read_only_) {
    read_output();
    log(LogLevel::kWarning, "mounted read-only: {}", reason_in(output_.text()));
  }
  read_only_ |= asked.read_only;
  if (read_only_) wanted.flags |= MS_RDONLY;
  TRY_VOID(session_.make_mount(wanted));
  if (look_) TRY_VOID(std::exchange(head_, {}).require_same(*look_));
  return {};
}

int Adapter::mount(const AskedMount& asked) {
  auto made = make_mount(asked);
  if (made) return 0;
  mount_failure_ = std::move(made).error();
  const int error = mount_failure_->cause.value();
  return error > 0 ? error : EIO;
}

void Adapter::log_output(std::string_view text) {
  const std::size_t room = kMostLogged - logged_;
  text = text.substr(0, room);
  logged_ += text.size();
  for (const char c : text) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    // Not in our own name: it says what it likes.
    const std::string words = fmt::format("{}: {}\n", row_.name, quote(std::exchange(line_, {})));
    // When nobody reads it there is nobody to tell.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, words.data(), words.size());
  }
}

void Adapter::read_output() {
  // As much as a pipe holds; a flood must not keep us from answering the door.
  constexpr int kRounds = 16;
  std::array<char, 4'096> buffer{};
  for (int round = 0; round < kRounds && !output_ended_; ++round) {
    const ssize_t length = ::read(program_.output.get(), buffer.data(), buffer.size());
    if (length == 0) output_ended_ = true;
    if (length <= 0) return;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(length));
    output_.append(text);
    if (serving_) log_output(text);
  }
}

void Adapter::pass_on_end() {
  if (told_to_end == 0) return;
  told_to_end = 0;
  (void)::kill(program_.pid, SIGTERM);  // fails only when it has ended
}

// Until something happens, and lets it happen.
Result<void> Adapter::wait_once() {
  std::array<pollfd, 3> waiting{watched(program_.life.borrow()),
                                watched(door_ ? door_->listener() : kNoDescriptor),
                                watched(program_.output.borrow())};
  if (door_hung_up_) waiting[1].fd = -1;
  if (output_ended_) waiting[2].fd = -1;
  sigset_t none;
  ::sigemptyset(&none);
  if (::ppoll(waiting.data(), waiting.size(), nullptr, &none) < 0 && errno != EINTR)
    return fail_errno(errno, Errc::kSystem, "wait for {}", row_.name);
  pass_on_end();
  if ((waiting[1].revents & POLLIN) != 0) TRY_VOID(door_->answer_one());
  if ((waiting[1].revents & (POLLHUP | POLLERR)) != 0) door_hung_up_ = true;
  if (waiting[2].revents != 0) read_output();
  // Before it serves, nothing has to be said at such length.
  if (output_.too_much() && !serving_) kill_stock_program(program_);
  if (waiting[0].revents != 0) {
    read_output();
    status_ = end_of_stock_program(program_).status;
  }
  return {};
}

std::unexpected<Error> Adapter::gave_up() {
  const std::string reason = reason_in(output_.text());
  if (mount_failure_) return std::unexpected(std::move(*mount_failure_));
  if (reason.empty()) return fail(Errc::kCorrupted, "{} {}", row_.name, how_it_ended(*status_));
  return fail(Errc::kCorrupted, "{} can't use it: {}", row_.name, quote(reason));
}

Result<void> Adapter::see_mounted() {
  while (!door_->mounted()) {
    TRY_VOID(wait_once());
    if (status_ && !door_->mounted()) return gave_up();
  }
  return {};
}

bool Adapter::connection_is_over() const {
  pollfd device = {.fd = fuse_device_.get(), .events = 0, .revents = 0};
  return ::poll(&device, 1, 0) == 1 && (device.revents & POLLERR) != 0;
}

// Our exit code is about what was written. It says only that nothing is known to be missing: the
// program may have lost something and ended with 0 all the same, so airlockd takes it for no
// promise.
Result<void> Adapter::judge() {
  const int status = *status_;
  const bool exited = status != -1 && WIFEXITED(status);
  if (!connection_is_over() && !exited)
    return fail(Errc::kWorkerDied, "{} {}", row_.name, how_it_ended(status));
  // grub-mount always ends with 1. What wrote nothing has lost nothing.
  if (read_only_ && exited) return {};
  if (!exited || WEXITSTATUS(status) != 0)
    return fail(Errc::kWorkerDied, "{} {}: {}", row_.name, how_it_ended(status),
                quote(reason_in(output_.text())));
  if (::fsync(medium_.get()) != 0) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "write the medium out");
  }
  return {};
}

Result<void> Adapter::see_unmounted() {
  serving_ = true;
  while (!status_) TRY_VOID(wait_once());
  if (!connection_is_over() && read_only_ && WIFEXITED(*status_))
    return fail(Errc::kWorkerDied, "{} {} while it was mounted", row_.name, how_it_ended(*status_));
  return judge();
}

Result<void> Adapter::run() {
  TRY_VOID(take_medium());
  TRY_VOID(start());
  TRY_VOID(see_mounted());
  set_process_title(argv_.data(),
                    driver_title(kName, options_.medium, options_.subtype, read_only_));
  // The mount exists. Before the goodbye, because the starter may be gone right after it.
  outlive_starter();
  TRY_VOID(session_.goodbye(0));
  TRY_VOID(serve_only());
  return see_unmounted();
}

Result<void> serve(Server& session, std::span<char*> argv) {
  TRY_VOID(session.accept());
  const std::vector<std::string> own_arguments(argv.begin(), argv.end());
  TRY(const DriverOptions options, parse_driver_options(session.merged_arguments(own_arguments)));
  const AdaptedProgram* row = find_adapted(options.subtype);
  if (row == nullptr)
    return fail(Errc::kUnsupported, "no program is known for {}", quote(options.subtype));
  return Adapter(session, options, *row, argv).run();
}

int run_as_driver(std::span<char*> argv) {
  log_open(kName, LogLevel::kInfo);
  prepare_to_be_told();
  const auto ready = stay_with_libraries();
  if (!ready) {
    log(LogLevel::kError, "{}", ready.error().message());
    return EXIT_FAILURE;
  }
  auto session = Server::adopt(Activation::from_environment());
  if (!session || !session->has_value()) {
    log(LogLevel::kError, "{}",
        session ? "this is a filesystem driver that airlockd starts; try: airlockctl mount DEVICE"
                : session.error().message());
    return EXIT_FAILURE;
  }
  const auto done = serve(**session, argv);
  if (done) return leave_service(ServiceEnd::kSuccess, std::chrono::milliseconds{0});
  log(LogLevel::kError, "{}", done.error().message());
  (void)(*session)->goodbye(1);  // nobody may be listening any more
  return leave_service(ServiceEnd::kFailure, std::chrono::milliseconds{0});
}

}  // namespace
}  // namespace airlock::adapter

int main(int argc, char** argv) {
  return airlock::adapter::run_as_driver(std::span(argv, static_cast<std::size_t>(argc)));
}
