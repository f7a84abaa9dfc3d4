// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/helper.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/mount_options.h"

namespace airlock {
namespace {

// open(2) flags a driver may ask for: how to use the medium, never how to find, make or cut it.
constexpr std::uint32_t kAllowedOpenFlags = O_ACCMODE | O_EXCL | O_CLOEXEC | O_LARGEFILE |
                                            O_NONBLOCK | O_DIRECT | O_SYNC | O_DSYNC | O_NOFOLLOW |
                                            O_NOATIME | O_NOCTTY;
constexpr std::uint32_t kMaxBlockSize = 65536;

bool is_block_size(std::uint32_t size) {
  return size == 0 || (std::has_single_bit(size) && size >= 512 && size <= kMaxBlockSize);
}

std::uint32_t check_type(std::uint32_t mode, std::uint16_t expected) {
  if (!S_ISDIR(mode) && !S_ISREG(mode)) return EACCES;
  if (expected == kExpectDirectory && !S_ISDIR(mode)) return ENOTDIR;
  if (expected == kExpectRegularFile && !S_ISREG(mode)) return EISDIR;
  return 0;
}

bool is_expected_type(std::uint16_t type) {
  return type == kExpectAnything || type == kExpectDirectory || type == kExpectRegularFile;
}

bool is_open_command(Magic magic) {
  return magic == Magic::kOpen || magic == Magic::kOpenBlockDevice;
}

}  // namespace

HelperAction Helper::start() {
  if (phase_ != Phase::kNew) std::abort();
  phase_ = Phase::kHello;
  const HelloPacket hello{.flags = (rules_.allow_other ? kHelloAllowOther : 0) |
                                   (rules_.allow_fuseblk ? kHelloFuseblk : 0)};
  return SendPackets{{{.bytes = encode(hello), .attachment = Attachment::kNone}}};
}

HelperAction Helper::packet_arrived(ByteSpan bytes) {
  settle(Pending::kNothing);
  if (phase_ == Phase::kHello) return hello_answered(bytes);
  if (phase_ != Phase::kServing) std::abort();
  std::optional<Command> command = decode_command(bytes);
  if (!command)
    return finish(fail(Errc::kProtocol, "the driver sent something that is no command"));
  return std::visit([this](const auto& packet) { return handle(packet); }, *command);
}

HelperAction Helper::peer_gone() {
  settle(Pending::kNothing);
  if (phase_ == Phase::kHello)
    return finish(fail(Errc::kPeerGone, "the driver went away before it answered the hello"));
  return finish(fail(Errc::kPeerGone, "the driver went away without saying goodbye"));
}

HelperAction Helper::give_up(Error reason) {
  return finish(std::unexpected(std::move(reason)));
}

HelperAction Helper::hello_answered(ByteSpan bytes) {
  const std::optional<HelloReplyPacket> reply = decode_hello_reply(bytes);
  if (!reply || reply->padding != 0)
    return finish(fail(Errc::kProtocol, "the driver's answer to the hello is malformed"));
  if (reply->version != kProtocolVersion)
    return finish(fail(Errc::kProtocol, "the driver wants protocol version {}", reply->version));
  return await(Pending::kFuseDevice, OpenFuseDevice{});
}

HelperAction Helper::fuse_device_opened(std::uint32_t error) {
  settle(Pending::kFuseDevice);
  if (error != 0)
    return finish(fail_errno(static_cast<int>(error), errc_from_errno(static_cast<int>(error)),
                             "open the FUSE device"));
  phase_ = Phase::kServing;
  return SendPackets{{{.bytes = encode(FilePacket{.path = kArgumentsFileName}),
                       .attachment = Attachment::kArguments},
                      {.bytes = encode(FilePacket{.path = kFuseDeviceFileName}),
                       .attachment = Attachment::kFuseDevice}}};
}

// OPEN and BDEV.

std::uint32_t Helper::screen_open(const OpenPacket& packet) const {
  if (mount_state_ != MountState::kNone) return EINVAL;
  if ((packet.request_flags & ~kOpenQuiet) != 0) return EINVAL;
  if (packet.path.size() > kMaxPathLength) return ENAMETOOLONG;
  if (packet.path != rules_.medium_path) return EPERM;
  if ((packet.open_flags & ~kAllowedOpenFlags) != 0) return EPERM;
  const std::uint32_t access = packet.open_flags & O_ACCMODE;
  if (access == O_ACCMODE) return EINVAL;
  if (access != O_RDONLY && (rules_.forced_flags & MS_RDONLY) != 0) return EROFS;
  if (packet.target == OpenTarget::kBlockDevice && !is_block_size(packet.block_size)) return EINVAL;
  return 0;
}

HelperAction Helper::handle(const OpenPacket& packet) {
  if (rules_.offers_live_state && mount_state_ == MountState::kNone &&
      packet.path == kLiveStateFileName)
    return await(Pending::kLiveState, OpenLiveState{});
  if (const std::uint32_t error = screen_open(packet); error != 0) {
    note_refusal(Magic::kOpen, error);
    return file_answer(error, packet.path, Attachment::kNone);
  }
  open_request_ = packet;
  const bool block_device_only = packet.target == OpenTarget::kBlockDevice;
  return await(Pending::kMedium,
               OpenMedium{.open_flags = packet.open_flags,
                          .block_device_only = block_device_only,
                          .block_size = block_device_only ? packet.block_size : 0});
}

HelperAction Helper::medium_opened(std::uint32_t error) {
  settle(Pending::kMedium);
  note_refusal(Magic::kOpen, error);
  return file_answer(error, std::move(open_request_.path),
                     error == 0 ? Attachment::kMedium : Attachment::kNone);
}

HelperAction Helper::live_state_opened(std::uint32_t error) {
  settle(Pending::kLiveState);
  note_refusal(Magic::kOpen, error);
  return file_answer(error, kLiveStateFileName,
                     error == 0 ? Attachment::kLiveState : Attachment::kNone);
}

// TYPE, NAME, OPTS, MTAB: kept until DOIT.

HelperAction Helper::handle(const TypePacket& packet) {
  const bool too_late = mount_state_ != MountState::kNone || source_given_ || options_;
  if (too_late || block_ || (packet.flags & ~kTypeFuseblk) != 0) return reply(Magic::kType, EINVAL);
  const bool block = (packet.flags & kTypeFuseblk) != 0;
  if (block && !rules_.allow_fuseblk) return reply(Magic::kType, EPERM);
  block_ = block;
  return reply(Magic::kType, 0);
}

// Servers say what they like here, upstream's examples their own type. The kernel opens the source
// of a fuseblk mount by itself, and tools believe whatever path the mount table shows: whatever the
// server says, it becomes the medium's path.
HelperAction Helper::handle(const SourcePacket& packet) {
  if (mount_state_ != MountState::kNone || source_given_ || packet.text.empty() ||
      packet.text.size() > kMaxKernelString)
    return reply(Magic::kSource, EINVAL);
  source_given_ = true;
  return reply(Magic::kSource, 0);
}

HelperAction Helper::handle(const OptionsPacket& packet) {
  if (mount_state_ != MountState::kNone || options_) return reply(Magic::kOptions, EINVAL);
  auto screened =
      screen_options(packet.text, rules_.allow_other ? AllowOther::kYes : AllowOther::kNo);
  if (!screened) return reply(Magic::kOptions, screened.error());
  if (screened->refused_allow_other)
    log(LogLevel::kNotice, "{}: the driver asked for allow_other, which this mount does not get",
        quote(rules_.medium_path));
  options_ = std::move(screened->accepted);
  return reply(Magic::kOptions, 0);
}

HelperAction Helper::handle(const MountTablePacket&) {
  if (mount_state_ != MountState::kNone || mount_table_given_)
    return reply(Magic::kMountTable, EINVAL);
  // D5: the text is for a mount table we do not keep.
  mount_table_given_ = true;
  return reply(Magic::kMountTable, 0);
}

// MNTP.

HelperAction Helper::handle(const MountPointPacket& packet) {
  if (mount_state_ != MountState::kNone || root_mode_ || packet.padding != 0 ||
      !is_expected_type(packet.expected_type) || packet.path != rules_.mount_point)
    return reply(Magic::kMountPoint, EINVAL);
  mount_point_request_ = packet;
  return await(Pending::kMountPoint, PinMountPoint{});
}

HelperAction Helper::mount_point_pinned(std::uint32_t error, std::uint32_t mode) {
  settle(Pending::kMountPoint);
  if (error == 0) error = check_type(mode, mount_point_request_.expected_type);
  if (error == 0) root_mode_ = mode & S_IFMT;
  return reply(Magic::kMountPoint, error);
}

// DOIT.

std::uint32_t Helper::screen_mount(const MountPacket& packet) const {
  if (rules_.resumes) return EPERM;
  if (mount_state_ != MountState::kNone) return EINVAL;
  if (!source_given_ || !root_mode_) return EINVAL;
  return (packet.flags & ~kKnownMountFlags) != 0 ? EPERM : 0;
}

MountRequest Helper::make_request(std::uint32_t flags) const {
  return MountRequest{.block = block_.value_or(false),
                      .source = rules_.medium_path,
                      .subtype = rules_.subtype,
                      .options = options_.value_or(std::vector<std::string>{}),
                      .flags = flags | rules_.forced_flags | MS_NOSUID | MS_NODEV,
                      .root_mode = *root_mode_,
                      .user = rules_.user,
                      .group = rules_.group};
}

HelperAction Helper::handle(const MountPacket& packet) {
  if (const std::uint32_t error = screen_mount(packet); error != 0)
    return reply(Magic::kMount, error);
  mount_state_ = MountState::kTried;
  return await(Pending::kAttach, Attach{make_request(packet.flags)});
}

HelperAction Helper::attached(std::uint32_t error) {
  settle(Pending::kAttach);
  if (error == 0) mount_state_ = MountState::kAttached;
  return reply(Magic::kMount, error);
}

// The end.

HelperAction Helper::handle(const ByePacket& packet) {
  const bool serves = mount_state_ == MountState::kAttached || rules_.resumes;
  if (packet.code == 0 && serves) return finish({});
  if (packet.code == 0 && refusal_ == 0)
    return finish(fail(Errc::kProtocol, "the driver said goodbye without having mounted anything"));
  if (refusal_ == 0)
    return finish(fail(Errc::kWorkerDied, "the driver gave up with goodbye code {}", packet.code));
  const int cause = static_cast<int>(refusal_);
  return finish(fail_errno(cause, errc_from_errno(cause),
                           "the driver gave up with goodbye code {} after {} was refused",
                           packet.code, magic_name(refused_command_)));
}

HelperAction Helper::handle(const MalformedPacket& packet) {
  if (is_open_command(packet.magic)) return file_answer(EINVAL, kUnreadablePath, Attachment::kNone);
  if (packet.magic != Magic::kBye) return reply(packet.magic, EINVAL);
  HelperAction ending = finish(fail(Errc::kProtocol, "the driver's goodbye is malformed"));
  std::get<Finish>(ending).last_packet = OutgoingPacket{.bytes = encode(ReplyPacket{EINVAL})};
  return ending;
}

HelperAction Helper::file_answer(std::uint32_t error, std::string path, Attachment attachment) {
  return SendPackets{{{.bytes = encode(FilePacket{.error = error, .path = std::move(path)}),
                       .attachment = attachment}}};
}

HelperAction Helper::reply(Magic command, std::uint32_t error) {
  note_refusal(command, error);
  return SendPackets{
      {{.bytes = encode(ReplyPacket{.error = error}), .attachment = Attachment::kNone}}};
}

HelperAction Helper::finish(Result<void> verdict) {
  if (phase_ == Phase::kFinished) std::abort();
  phase_ = Phase::kFinished;
  pending_ = Pending::kNothing;
  const bool undo = !verdict && mount_state_ == MountState::kAttached;
  return Finish{.verdict = std::move(verdict),
                .detach = undo ? Finish::Detach::kYes : Finish::Detach::kNo,
                .last_packet = std::nullopt};
}

HelperAction Helper::await(Pending pending, HelperEffect effect) {
  pending_ = pending;
  return effect;
}

// The effect that is reported must be the one that was asked for.
void Helper::settle(Pending effect) {
  if (pending_ != effect) std::abort();
  pending_ = Pending::kNothing;
}

void Helper::note_refusal(Magic command, std::uint32_t error) {
  refused_command_ = error == 0 ? refused_command_ : command;
  refusal_ = error;
}

}  // namespace airlock
