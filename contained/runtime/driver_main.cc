// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/driver_main.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "contained/runtime/fuse_ops.h"
#include "contained/runtime/live_state.h"
#include "contained/runtime/medium_head.h"
#include "contained/runtime/process_title.h"
#include "contained/runtime/stop_on_terminate.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/driver_title.h"
#include "lib/protocol/server.h"

namespace airlock {
namespace {

// The kernel mounts a fuseblk volume with this block size, and the device's cache gets it too:
// as large as it can be, or every access would go sector by sector.
constexpr std::uint32_t kLargestDeviceBlock = 4096;
constexpr unsigned kThreads = 3;

// The kernel leaves access times to a FUSE driver and tells it of few reads, so no driver sets them
// by reading. The mount table says so.
ServiceMount mount_wanted(const DriverOptions& options, const OpenedMedium& medium) {
  ServiceMount mount = {.kind = options.fuseblk ? FuseKind::kFuseblk : FuseKind::kFuse,
                        .source = options.medium,
                        .mount_point = options.mount_point,
                        .expected_type = kExpectDirectory,
                        .options = "default_permissions",
                        .mount_table = {},
                        .flags = options.flags | MS_NOATIME};
  if (options.allow_other) mount.options += ",allow_other";
  if (options.fuseblk && medium.block_size() <= kLargestDeviceBlock)
    mount.options += fmt::format(",blksize={}", medium.block_size());
  if (!medium.writable()) mount.flags |= MS_RDONLY;
  return mount;
}

// Nothing if whoever mounts it keeps none.
Result<std::optional<LiveState>> ask_for_live_state(Server& session, const DriverOptions& options) {
  if (!options.keeps_live_state) return std::nullopt;
  TRY(const auto memory, session.open_file({.path = kLiveStateFileName, .open_flags = O_RDWR}));
  TRY(auto state, LiveState::map(memory));
  return std::optional(std::move(state));
}

// Only for what is never written: nothing that the driver before had answered can be missing from
// the medium.
Result<void> resume(FuseServer& server, OpenedMedium& medium) {
  if (medium.writable()) return fail(Errc::kUnsupported, "what may be written is not gone on with");
  return server.resume(medium.files());
}

// The medium still holds a request up, and what that request will return into has to be there until
// the process is not. It may be a write, so this is no end in good order.
[[noreturn]] void leave_at_once(const Result<void>& written) {
  log(LogLevel::kError, "{}; its driver ends without waiting for it", written.error().message());
  ::_exit(EXIT_FAILURE);
}

// From the first packet to the end of the mount.
Result<void> run(Server& session, std::span<char*> argv, const DriverProgram& program) {
  TRY_VOID(session.accept());
  const std::vector<std::string> own_arguments(argv.begin(), argv.end());
  TRY(const DriverOptions options, parse_driver_options(session.merged_arguments(own_arguments)));
  TRY(const auto live, ask_for_live_state(session, options));
  TRY(auto descriptor, ask_for_medium(session, options, program.use));
  TRY(auto io, DescriptorIo::adopt(std::move(descriptor)));
  // libfuse looks around in the system when a session is made, so this comes before confine().
  TRY(auto server,
      FuseServer::create(session.take_fuse_device(), {.threads = kThreads,
                                                      .owner = options.user,
                                                      .block = options.fuseblk,
                                                      .live = live ? &*live : nullptr}));
  TRY_VOID(confine(program.filter));

  // Anything but fuseblk has a claim of its own from the beginning to the end.
  const bool kernel_claims = options.fuseblk && !options.resumes;
  TRY(auto head, kernel_claims ? MediumHead::read(io) : MediumHead());
  TRY(auto medium, program.open(io, options));
  if (const std::string reason = medium->read_only_reason(); !reason.empty())
    log(LogLevel::kWarning, "mounted read-only: {}", reason);
  TRY_VOID(server->prepare());
  const ServiceMount wanted = mount_wanted(options, *medium);
  set_process_title(argv.data(), driver_title(program.name, options.medium, options.subtype,
                                              (wanted.flags & MS_RDONLY) != 0));
  if (options.resumes) {
    TRY_VOID(resume(*server, *medium));
  } else {
    TRY_VOID(session.make_mount(wanted));
    TRY_VOID(std::exchange(head, {}).require_same(io));
  }
  TRY_VOID(medium->begin());
  // The mount exists. Before the goodbye, because the starter may be gone right after it.
  outlive_starter();
  TRY_VOID(session.goodbye(0));
  TRY_VOID(serve_only());
  const StopOnTerminate stopper(*server);
  auto served = server->serve(medium->files());
  // The exit code is this driver's word about all that was written, so nothing may hide the answer.
  const auto written = server->finish();
  if (!served) log(LogLevel::kError, "{}", served.error().message());
  if (!server->is_at_rest()) leave_at_once(written);
  TRY_VOID(written);
  return served;
}

}  // namespace

// Each arena of the allocator takes 64 MiB of addresses, which the sandbox limits. A few threads
// that mostly work under one lock share one without noticing.
void use_one_arena() {
  (void)::mallopt(M_ARENA_MAX, 1);
}

int driver_main(int argc, char** argv, const DriverProgram& program) {
  use_one_arena();
  log_open(program.name, LogLevel::kInfo);
  const auto root = enter_empty_root();
  if (!root) {
    log(LogLevel::kError, "{}", root.error().message());
    return 1;
  }
  auto session = Server::adopt(Activation::from_environment());
  if (!session) {
    log(LogLevel::kError, "{}", session.error().message());
    return 1;
  }
  if (!session->has_value()) {
    log(LogLevel::kError,
        "this is a filesystem driver that a mount helper starts; try: mount -t airlock.ext4 "
        "DEVICE DIRECTORY");
    return 1;
  }
  const auto done = run(**session, std::span(argv, static_cast<std::size_t>(argc)), program);
  if (done) return leave_service(ServiceEnd::kSuccess, std::chrono::milliseconds{0});
  log(LogLevel::kError, "{}", done.error().message());
  (void)(*session)->goodbye(1);  // nobody may be listening any more, or it was said already
  return leave_service(ServiceEnd::kFailure,
                       *root == RootState::kAsGiven ? kJournalGrace : std::chrono::milliseconds{0});
}

}  // namespace airlock
