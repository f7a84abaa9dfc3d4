// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <thread>
#include <utility>

#include "lib/base/number.h"
#include "lib/base/text.h"
#include "lib/protocol/argument_memfd.h"

namespace airlock {
namespace {

std::optional<std::string> take_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string copy(value);
  (void)::unsetenv(name);  // fails only for invalid names
  return copy;
}

std::optional<long> whole_number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return parse_number<long>(*text);
}

Result<int> socket_option(BorrowedFd socket, int name) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (::getsockopt(socket.get(), SOL_SOCKET, name, &value, &length) != 0)
    return fail_errno(errno, Errc::kProtocol, "descriptor {} cannot be our connection",
                      socket.get());
  return value;
}

Result<void> check_socket(BorrowedFd socket) {
  TRY(const int domain, socket_option(socket, SO_DOMAIN));
  if (domain != AF_UNIX)
    return fail_errno(EAFNOSUPPORT, Errc::kProtocol, "the connection is no local socket");
  TRY(const int type, socket_option(socket, SO_TYPE));
  if (type != SOCK_SEQPACKET)
    return fail_errno(EPROTOTYPE, Errc::kProtocol, "the connection does not carry packets");
  return {};
}

// A socket from socketpair has no address; one that a listener accepted has the listener's.
Result<bool> is_unnamed(BorrowedFd socket) {
  sockaddr_un address{};
  socklen_t length = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return fail_errno(errno, Errc::kSystem, "read the address of the connection");
  return length <= offsetof(sockaddr_un, sun_path);
}

Result<void> check_peer(BorrowedFd socket) {
  TRY(const bool from_our_starter, is_unnamed(socket));
  if (from_our_starter) return {};
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return fail_errno(errno, Errc::kSystem, "ask who is at the other end");
  if (peer.uid != 0)
    return fail_errno(EPERM, Errc::kNotPermitted, "uid {} may not use this driver", peer.uid);
  return {};
}

Result<void> make_close_on_exec(BorrowedFd descriptor) {
  if (::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC) != 0)
    return fail_errno(errno, Errc::kProtocol, "descriptor {} is not open", descriptor.get());
  return {};
}

std::uint32_t choose_version(const HelloPacket& hello) {
  const bool overlaps = hello.lowest_version <= hello.highest_version &&
                        hello.lowest_version <= kProtocolVersion &&
                        hello.highest_version >= kProtocolVersion;
  return overlaps ? kProtocolVersion : 0;
}

std::unexpected<Error> bad_message(std::string_view what) {
  return fail_errno(EBADMSG, Errc::kProtocol, "{}", what);
}

std::unexpected<Error> refused(std::uint32_t error_number, std::string_view request) {
  // An errno is a small number; a larger value can't be one and must not turn into "success".
  const int cause = error_number <= 4095 ? static_cast<int>(error_number) : EIO;
  return fail_errno(cause, errc_from_errno(cause), "the helper refused {}", request);
}

bool worth_asking_read_only(const Error& error) {
  const int cause = error.cause.value();
  return cause == EPERM || cause == EACCES || cause == EROFS;
}

}  // namespace

Activation Activation::from_environment() {
  (void)take_variable("LISTEN_FDNAMES");
  return Activation{.listen_pid = take_variable("LISTEN_PID"),
                    .listen_fds = take_variable("LISTEN_FDS"),
                    .own_pid = ::getpid()};
}

Result<std::optional<Server>> Server::adopt(const Activation& activation,
                                            ServerDeadlines deadlines) {
  const std::optional<long> pid = whole_number(activation.listen_pid);
  const std::optional<long> count = whole_number(activation.listen_fds);
  if (pid != activation.own_pid || !count || *count <= 0) return std::nullopt;
  if (*count > 1)
    return fail_errno(E2BIG, Errc::kProtocol, "started with {} connections instead of one", *count);

  Channel channel{UniqueFd(activation.first_descriptor)};
  const BorrowedFd socket = channel.descriptor();
  TRY_VOID(make_close_on_exec(socket));
  TRY_VOID(check_socket(socket));
  TRY_VOID(check_peer(socket));
  TRY_VOID(channel.check_send_buffer());
  return Server(std::move(channel), deadlines);
}

Server::~Server() {
  // Best effort: the helper also notices the shutdown that follows.
  if (channel_.open() && (state_ == State::kServing || state_ == State::kBroken))
    (void)channel_.try_send(encode(ByePacket{.code = 1}), kNoDescriptor);
}

template <typename T>
Result<T> Server::break_session(Result<T> failed) {
  if (!failed) state_ = State::kBroken;
  return failed;
}

Result<void> Server::require_serving() const {
  if (state_ != State::kServing) return fail(Errc::kProtocol, "there is no session any more");
  return {};
}

Result<void> Server::greet() {
  const Deadline deadline = deadline_in(deadlines_.hello);
  TRY(const ReceivedPacket packet,
      channel_.receive(kMaxCommandSize, Descriptors::kRefuse, deadline));
  const std::optional<HelloPacket> hello = decode_hello(packet.bytes);
  if (!hello) return bad_message("the hello is malformed");
  if (choose_version(*hello) == 0)
    return fail_errno(EOPNOTSUPP, Errc::kProtocol, "the helper speaks versions {} to {}",
                      hello->lowest_version, hello->highest_version);
  if ((hello->flags & ~kHelloKnownFlags) != 0)
    return fail_errno(EINVAL, Errc::kProtocol, "the hello has unknown flags {:#x}", hello->flags);
  hello_flags_ = hello->flags;
  return channel_.send(encode(HelloReplyPacket{}), kNoDescriptor, deadline);
}

Result<void> Server::accept() {
  if (state_ != State::kAdopted) return fail(Errc::kProtocol, "the session has begun already");
  state_ = State::kEnded;
  TRY_VOID(greet());
  state_ = State::kBroken;  // until everything has arrived
  const Deadline deadline = deadline_in(deadlines_.answer);
  TRY(const UniqueFd memfd, receive_file(kArgumentsFileName, deadline));
  TRY(UniqueFd device, receive_file(kFuseDeviceFileName, deadline));
  TRY(arguments_, read_argument_memfd(memfd.borrow()));
  fuse_device_ = std::move(device);
  state_ = State::kServing;
  return {};
}

std::vector<std::string> Server::merged_arguments(std::span<const std::string> own) const {
  return merge_arguments(arguments_, own);
}

// A refusal leaves the session alive; every other failure violates the protocol. The state shows
// which it was.
Result<UniqueFd> Server::receive_file(std::string_view path, Deadline deadline) {
  Result<ReceivedPacket> packet =
      break_session(channel_.receive(kMaxCommandSize, Descriptors::kTakeOne, deadline));
  if (!packet) return std::unexpected(std::move(packet).error());
  const std::optional<FilePacket> file = decode_file(packet->bytes, path);
  if (!file) return break_session<UniqueFd>(bad_message("not the file that was asked for"));
  if (packet->odd_control_data)
    return break_session<UniqueFd>(bad_message("not one descriptor came with the file"));
  if (file->error != 0) return refused(file->error, quote(path));
  if (!packet->descriptor.valid())
    return fail_errno(ENOENT, Errc::kNotFound, "the helper sent no descriptor for {}", quote(path));
  return std::move(packet->descriptor);
}

Result<UniqueFd> Server::open_file(const OpenRequest& request) {
  TRY_VOID(require_serving());
  if (request.path.empty() || request.path.size() > kMaxPathLength)
    return fail_errno(ENAMETOOLONG, Errc::kInvalidArgument, "the path to open has {} bytes",
                      request.path.size());
  const Deadline deadline = deadline_in(deadlines_.answer);
  const OpenPacket packet{.target = request.target,
                          .open_flags = request.open_flags,
                          .request_flags = request.request_flags,
                          .block_size = request.block_size,
                          .path = request.path};
  TRY_VOID(break_session(channel_.send(encode(packet), kNoDescriptor, deadline)));
  return receive_file(request.path, deadline);
}

Result<UniqueFd> Server::open_device(std::string_view path, std::uint32_t open_flags) {
  return open_file({.path = std::string(path), .open_flags = open_flags});
}

Result<OpenedDevice> Server::open_device_or_read_only(std::string_view path,
                                                      std::uint32_t extra_flags) {
  Result<UniqueFd> writable = open_file(
      {.path = std::string(path), .open_flags = O_RDWR | extra_flags, .request_flags = kOpenQuiet});
  if (writable) return OpenedDevice{*std::move(writable), Writable::kYes};
  if (!worth_asking_read_only(writable.error()))
    return std::unexpected(std::move(writable).error());
  TRY(UniqueFd read_only, open_device(path, O_RDONLY | extra_flags));
  return OpenedDevice{std::move(read_only), Writable::kNo};
}

Result<void> Server::finish_opening() {
  TRY_VOID(require_serving());
  return channel_.refuse_descriptors();
}

Result<void> Server::request(Magic magic, ByteSpan packet) {
  TRY_VOID(require_serving());
  const Deadline deadline = deadline_in(deadlines_.answer);
  TRY_VOID(break_session(channel_.send(packet, kNoDescriptor, deadline)));
  TRY(const ReceivedPacket answer,
      break_session(channel_.receive(kMaxCommandSize, Descriptors::kRefuse, deadline)));
  const std::optional<ReplyPacket> reply = decode_reply(answer.bytes);
  if (!reply) return break_session<void>(bad_message("the helper's answer is malformed"));
  if (reply->error != 0) return refused(reply->error, magic_name(magic));
  return {};
}

Result<void> Server::choose_type(FuseKind kind) {
  const TypePacket packet{.flags = kind == FuseKind::kFuseblk ? kTypeFuseblk : 0};
  return request(Magic::kType, encode(packet));
}

Result<void> Server::set_source(std::string_view source) {
  return request(Magic::kSource, encode(SourcePacket{std::string(source)}));
}

Result<void> Server::set_mount_point(std::string_view path, std::uint16_t expected_type) {
  const MountPointPacket packet{.expected_type = expected_type, .path = std::string(path)};
  return request(Magic::kMountPoint, encode(packet));
}

Result<void> Server::set_options(std::string_view options) {
  return request(Magic::kOptions, encode(OptionsPacket{std::string(options)}));
}

Result<void> Server::set_mount_table(std::string_view options) {
  return request(Magic::kMountTable, encode(MountTablePacket{std::string(options)}));
}

Result<void> Server::mount(std::uint32_t flags) {
  return request(Magic::kMount, encode(MountPacket{flags}));
}

Result<void> Server::make_mount(const ServiceMount& wanted) {
  TRY_VOID(choose_type(wanted.kind));
  TRY_VOID(set_source(wanted.source));
  TRY_VOID(set_mount_point(wanted.mount_point, wanted.expected_type));
  if (!wanted.options.empty()) TRY_VOID(set_options(wanted.options));
  if (!wanted.mount_table.empty()) TRY_VOID(set_mount_table(wanted.mount_table));
  return mount(wanted.flags);
}

Result<void> Server::goodbye(std::uint32_t code) {
  if (!channel_.open()) return fail(Errc::kProtocol, "goodbye was said already");
  state_ = State::kEnded;
  const Result<void> sent =
      channel_.send(encode(ByePacket{code}), kNoDescriptor, deadline_in(deadlines_.answer));
  channel_.close();
  return sent;
}

int leave_service(ServiceEnd end, std::chrono::milliseconds grace) {
  std::this_thread::sleep_for(grace);
  return end == ServiceEnd::kSuccess ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace airlock
