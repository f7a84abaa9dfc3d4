// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/mount_session.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/duplicate.h"
#include "lib/protocol/argument_memfd.h"

namespace airlock {
namespace {

// How many packets one wake-up may handle, so that a driver that never stops sending can't block an
// event loop.
constexpr int kPacketsPerWakeUp = 16;

HelperRules rules_of(const SessionPlan& plan) {
  return HelperRules{.subtype = plan.subtype,
                     .medium_path = plan.medium_path,
                     .mount_point = plan.mount_point,
                     .allow_fuseblk = plan.allow_fuseblk,
                     .allow_other = plan.allow_other,
                     .forced_flags = plan.forced_flags,
                     .user = plan.user,
                     .group = plan.group,
                     .offers_live_state = plan.offers_live_state,
                     .resumes = plan.resumes};
}

bool peer_closed(const Error& error) {
  return error.code == Errc::kPeerGone || error.cause.value() == ECONNRESET;
}

Error timed_out(std::string_view waiting_for) {
  auto failed = fail_errno(ETIMEDOUT, Errc::kTimedOut, "the driver took too long: {}", waiting_for);
  return std::move(failed).error();
}

}  // namespace

std::uint32_t wire_errno(const Error& error) {
  if (error.cause.value() > 0) return static_cast<std::uint32_t>(error.cause.value());
  switch (error.code) {
    case Errc::kInvalidArgument:
      return EINVAL;
    case Errc::kNotFound:
      return ENOENT;
    case Errc::kNotPermitted:
      return EPERM;
    case Errc::kBusy:
    case Errc::kAlreadyMounted:
      return EBUSY;
    case Errc::kReadOnly:
      return EROFS;
    case Errc::kTimedOut:
      return ETIMEDOUT;
    case Errc::kOutOfMemory:
      return ENOMEM;
    default:
      return EIO;
  }
}

MountSession::MountSession(Channel channel, SessionPlan plan, MountEffects& effects)
    : channel_(std::move(channel)),
      plan_(std::move(plan)),
      effects_(effects),
      helper_(rules_of(plan_)) {}

MountSession::~MountSession() {
  if (finished()) return;
  auto abandoned = fail(Errc::kTimedOut, "the session was abandoned");
  abandon(std::move(abandoned).error());
}

void MountSession::start() {
  whole_deadline_ = deadline_in(plan_.deadlines.whole);
  step_deadline_ = deadline_in(plan_.deadlines.hello);
  // Nobody has a reason to send us a descriptor.
  if (Result<void> refused = channel_.refuse_descriptors(); !refused)
    return abandon(std::move(refused).error());
  carry_out(helper_.start());
}

short MountSession::wanted_events() const {
  // Does not read while answers wait: a driver that does not read is not heard either.
  return outbox_.empty() ? POLLIN : POLLOUT;
}

Deadline MountSession::next_deadline() const {
  return std::min(step_deadline_, whole_deadline_);
}

void MountSession::on_deadline() {
  if (finished() || std::chrono::steady_clock::now() < next_deadline()) return;
  const bool all_over = whole_deadline_ <= step_deadline_;
  abandon(timed_out(all_over ? "the whole session" : "its next message"));
}

void MountSession::abandon(Error reason) {
  if (!finished()) carry_out(helper_.give_up(std::move(reason)));
}

void MountSession::on_ready() {
  for (int left = kPacketsPerWakeUp; left > 0 && !finished(); --left) {
    flush();
    if (finished() || !outbox_.empty()) return;
    Result<std::optional<ReceivedPacket>> received =
        channel_.try_receive(kMaxCommandSize, Descriptors::kRefuse);
    if (received && !received->has_value()) return;
    take(std::move(received));
  }
}

void MountSession::take(Result<std::optional<ReceivedPacket>> received) {
  if (!received && peer_closed(received.error())) return carry_out(helper_.peer_gone());
  if (!received) return abandon(std::move(received).error());
  answered_ = true;
  carry_out(helper_.packet_arrived((*received)->bytes));
  step_deadline_ = deadline_in(time_for_next_command());
}

std::chrono::milliseconds MountSession::time_for_next_command() const {
  return examining_ ? plan_.deadlines.examine : plan_.deadlines.command;
}

void MountSession::carry_out(HelperAction action) {
  for (;;) {
    if (auto* packets = std::get_if<SendPackets>(&action)) return send(std::move(*packets));
    if (auto* end = std::get_if<Finish>(&action)) return finish(std::move(*end));
    action = std::visit([this](const auto& wanted) { return do_effect(wanted); },
                        std::get<HelperEffect>(action));
  }
}

HelperAction MountSession::do_effect(const OpenFuseDevice&) {
  Result<UniqueFd> opened = effects_.open_fuse_device();
  if (!opened) return helper_.fuse_device_opened(remember(opened.error()));
  effect_failure_.reset();
  fuse_device_ = *std::move(opened);
  return helper_.fuse_device_opened(0);
}

HelperAction MountSession::do_effect(const OpenMedium& wanted) {
  Result<UniqueFd> opened =
      effects_.open_medium(wanted.open_flags, wanted.block_device_only, wanted.block_size);
  if (!opened) return helper_.medium_opened(remember(opened.error()));
  effect_failure_.reset();
  medium_ = *std::move(opened);
  examining_ = true;
  return helper_.medium_opened(0);
}

HelperAction MountSession::do_effect(const OpenLiveState&) {
  Result<UniqueFd> opened = effects_.open_live_state();
  if (!opened) return helper_.live_state_opened(remember(opened.error()));
  effect_failure_.reset();
  live_state_ = *std::move(opened);
  return helper_.live_state_opened(0);
}

HelperAction MountSession::do_effect(const PinMountPoint&) {
  examining_ = false;
  const Result<std::uint32_t> mode = effects_.pin_mount_point();
  if (!mode) return helper_.mount_point_pinned(remember(mode.error()), 0);
  return helper_.mount_point_pinned(0, *mode);
}

HelperAction MountSession::do_effect(const Attach& wanted) {
  const Result<void> done = effects_.attach(wanted.request, fuse_device_.borrow());
  return helper_.attached(done ? 0 : remember(done.error()));
}

std::uint32_t MountSession::remember(const Error& error) {
  effect_failure_ = error;
  return wire_errno(error);
}

void MountSession::send(SendPackets packets) {
  for (OutgoingPacket& packet : packets.packets)
    if (Result<void> queued = queue(std::move(packet)); !queued)
      return abandon(std::move(queued).error());
  flush();
}

Result<UniqueFd> MountSession::attachment(Attachment wanted) {
  switch (wanted) {
    case Attachment::kNone:
      break;
    case Attachment::kArguments:
      return make_argument_memfd(plan_.arguments, plan_.argument_slots);
    case Attachment::kFuseDevice:
      return duplicate(fuse_device_.borrow());
    case Attachment::kMedium:
      return std::move(medium_);
    case Attachment::kLiveState:
      return std::move(live_state_);
  }
  return UniqueFd();
}

Result<void> MountSession::queue(OutgoingPacket packet) {
  TRY(UniqueFd descriptor, attachment(packet.attachment));
  outbox_.push_back({.bytes = std::move(packet.bytes), .descriptor = std::move(descriptor)});
  return {};
}

void MountSession::flush() {
  while (!outbox_.empty()) {
    const QueuedPacket& next = outbox_.front();
    Result<Channel::Sent> sent = channel_.try_send(next.bytes, next.descriptor.borrow());
    if (sent && *sent == Channel::Sent::kWouldBlock) return;
    // A driver that closed its end may have said goodbye before; reading will show.
    if (!sent && !peer_closed(sent.error())) return abandon(std::move(sent).error());
    outbox_.pop_front();
  }
}

void MountSession::finish(Finish finish) {
  if (finish.last_packet) {
    // The session is lost already, whether the driver hears of it or not.
    (void)channel_.try_send(finish.last_packet->bytes, kNoDescriptor);
  }
  if (finish.detach == Finish::Detach::kYes) effects_.detach();
  // A copy of the FUSE device left here would make a dead driver's mount look alive.
  fuse_device_.reset();
  medium_.reset();
  live_state_.reset();
  outbox_.clear();
  channel_.close();
  if (!finish.verdict && effect_failure_)
    finish.verdict.error().what += " (" + effect_failure_->message() + ")";
  verdict_ = std::move(finish.verdict);
}

Result<void> MountSession::run_to_end() {
  start();
  while (!finished()) {
    const Result<void> ready = wait_for(descriptor(), wanted_events(), next_deadline());
    if (ready)
      on_ready();
    else if (ready.error().code == Errc::kTimedOut)
      on_deadline();
    else
      abandon(ready.error());
  }
  return *verdict_;
}

}  // namespace airlock
