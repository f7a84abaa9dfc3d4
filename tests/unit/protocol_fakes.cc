// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/protocol_fakes.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

namespace airlock::testing {
namespace {

int send_message(int socket, ByteSpan bytes, int type, ByteSpan control) {
  alignas(cmsghdr) std::array<std::byte, 256> buffer{};
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!control.empty()) {
    message.msg_control = buffer.data();
    message.msg_controllen = CMSG_SPACE(control.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(control.size());
    std::memcpy(CMSG_DATA(header), control.data(), control.size());
  }
  return ::sendmsg(socket, &message, MSG_EOR | MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

unsigned digit_value(char digit) {
  return static_cast<unsigned>(digit <= '9' ? digit - '0' : std::tolower(digit) - 'a' + 10);
}

}  // namespace

Bytes from_hex(std::string_view digits) {
  Bytes bytes;
  std::optional<unsigned> high;
  for (const char digit : digits) {
    if (std::isspace(static_cast<unsigned char>(digit)) != 0) continue;
    if (high) bytes.push_back(static_cast<std::byte>(*high * 16 + digit_value(digit)));
    high = high ? std::nullopt : std::optional(digit_value(digit));
  }
  return bytes;
}

std::string to_hex(ByteSpan bytes) {
  std::string text;
  for (const std::byte value : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(value));
  return text;
}

std::size_t count_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool kernel_can_refuse_descriptors() {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const int off = 0;
  return ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) == 0;
}

int RawPeer::send(ByteSpan bytes, const std::vector<int>& descriptors) {
  return send_message(socket_.get(), bytes, SCM_RIGHTS, std::as_bytes(std::span(descriptors)));
}

int RawPeer::send_with_credentials(ByteSpan bytes) {
  const std::array self = {ucred{.pid = ::getpid(), .uid = ::getuid(), .gid = ::getgid()}};
  return send_message(socket_.get(), bytes, SCM_CREDENTIALS, std::as_bytes(std::span(self)));
}

std::optional<ReceivedPacket> RawPeer::receive() {
  ReceivedPacket packet{.bytes = Bytes(kMaxCommandSize * 2), .descriptor = UniqueFd()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  iovec part{.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  // Reported once if the other end closed with something unread; then comes the end of file.
  if (got < 0 && errno == ECONNRESET)
    got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return std::nullopt;
  packet.bytes.resize(static_cast<std::size_t>(got));
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof(number));
    packet.descriptor = UniqueFd(number);
  }
  return packet;
}

void RawPeer::shut_and_close() {
  (void)::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = std::filesystem::temp_directory_path() / "airlock-test.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a leftover in the temporary directory does not fail a test
  std::filesystem::remove_all(path_, ignored);
}

FakeMountEffects::FakeMountEffects() {
  std::ofstream(medium()) << "not a filesystem";
  std::filesystem::create_directory(mount_point());
}

Result<UniqueFd> FakeMountEffects::open_fuse_device() {
  if (device_error != 0)
    return fail_errno(device_error, Errc::kSystem, "open the pretended FUSE device");
  return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

Result<UniqueFd> FakeMountEffects::open_medium(std::uint32_t open_flags, bool block_device_only,
                                               std::uint32_t) {
  ++medium_opens;
  last_open_flags = open_flags;
  if (medium_error != 0) return fail_errno(medium_error, Errc::kSystem, "open the medium");
  UniqueFd opened(::open(medium().c_str(), static_cast<int>(open_flags) | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.valid()) return fail_errno(errno, Errc::kSystem, "open the medium");
  struct stat status{};
  if (block_device_only && ::fstat(opened.get(), &status) == 0 && !S_ISBLK(status.st_mode))
    return fail_errno(ENOTBLK, Errc::kInvalidArgument, "open the medium");
  held_exclusively = (open_flags & O_EXCL) != 0;
  return opened;
}

Result<UniqueFd> FakeMountEffects::open_live_state() {
  if (live_state_error != 0) return fail_errno(live_state_error, Errc::kSystem, "open memory");
  return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

Result<std::uint32_t> FakeMountEffects::pin_mount_point() {
  if (pin_error != 0) return fail_errno(pin_error, Errc::kSystem, "open the mount point");
  pin_ = UniqueFd(::open(mount_point().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (::fstat(pin_.get(), &status) != 0)
    return fail_errno(ENOENT, Errc::kNotFound, "open the mount point");
  return status.st_mode;
}

Result<void> FakeMountEffects::attach(const MountRequest& request, BorrowedFd fuse_device) {
  ++attaches;
  if (::fcntl(fuse_device.get(), F_GETFD) < 0) std::abort();  // must be lent an open descriptor
  if (attach_error != 0) return fail_errno(attach_error, Errc::kSystem, "attach");
  // Like the kernel: a fuseblk mount claims the device exclusively.
  if (request.block && held_exclusively) return fail_errno(EBUSY, Errc::kBusy, "attach");
  struct stat status{};
  if (::fstat(pin_.get(), &status) != 0) return fail_errno(EINVAL, Errc::kSystem, "attach");
  mounted_on = status.st_ino;
  mount = request;
  return {};
}

void FakeMountEffects::detach() {
  ++detaches;
  mount.reset();
}

}  // namespace airlock::testing
