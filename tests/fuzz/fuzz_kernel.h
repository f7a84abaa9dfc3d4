// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/fuse.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "contained/runtime/fuse_ops.h"
#include "lib/base/unique_fd.h"
#include "tests/fuzz/fuzz_input.h"

// The runtime and a driver, with requests like the kernel's: FUSE requests over a socket, one at a
// time, each awaited. The kernel is not the enemy here, so requests are well-formed; their contents
// come from the input.
namespace airlock::fuzz {

constexpr int kMostOperations = 24;
constexpr std::uint32_t kMostData = 32768;
constexpr int kPatienceMilliseconds = 20000;

// The kernel's end of the connection.
class Kernel {
 public:
  explicit Kernel(UniqueFd&& socket) : socket_(std::move(socket)) {}

  template <typename Body>
  Kernel& add(const Body& body) {
    const auto* bytes = reinterpret_cast<const char*>(&body);
    request_.append(bytes, sizeof body);
    return *this;
  }
  Kernel& add_name(const std::string& name) {
    request_.append(name.c_str(), name.size() + 1);
    return *this;
  }
  Kernel& add_bytes(std::span<const std::uint8_t> bytes) {
    request_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return *this;
  }

  void ask(std::uint32_t opcode, std::uint64_t node) {
    send(opcode, node);
    while (!answered()) {
    }
  }
  // One that the driver has told it.
  [[nodiscard]] std::uint64_t known_node(std::size_t which) const {
    return nodes_[which % nodes_.size()];
  }
  // For requests without an answer.
  void tell(std::uint32_t opcode, std::uint64_t node) { send(opcode, node); }

 private:
  void send(std::uint32_t opcode, std::uint64_t node) {
    fuse_in_header header = {};
    header.len = static_cast<std::uint32_t>(sizeof header + request_.size());
    header.opcode = opcode_ = opcode;
    header.unique = ++unique_ * 2;
    header.nodeid = node;
    std::string packet(reinterpret_cast<const char*>(&header), sizeof header);
    packet += request_;
    request_.clear();
    if (::send(socket_.get(), packet.data(), packet.size(), 0) < 0) std::abort();
  }

  // Reads one packet; true if it answers the last request, false for a notification.
  bool answered() {
    pollfd waiting = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    int ready = 0;
    do ready = ::poll(&waiting, 1, kPatienceMilliseconds);
    while (ready < 0 && errno == EINTR);  // libFuzzer's timer
    if (ready != 1) std::abort();  // no answer
    const ssize_t length = ::recv(socket_.get(), answer_.data(), answer_.size(), 0);
    if (length == 0) std::abort();  // the server gave up
    fuse_out_header header = {};
    if (length < static_cast<ssize_t>(sizeof header)) std::abort();
    std::memcpy(&header, answer_.data(), sizeof header);
    if (header.len != static_cast<std::size_t>(length)) std::abort();
    if (header.unique != unique_ * 2) return false;
    if (header.error == 0) learn(static_cast<std::size_t>(length));
    return true;
  }

  // Learns the node at the beginning of an answer, if there is one.
  void learn(std::size_t length) {
    const bool names_one = opcode_ == FUSE_LOOKUP || opcode_ == FUSE_MKDIR || opcode_ == FUSE_MKNOD;
    fuse_entry_out entry = {};
    if (!names_one || length < sizeof(fuse_out_header) + sizeof entry) return;
    std::memcpy(&entry, answer_.data() + sizeof(fuse_out_header), sizeof entry);
    if (entry.nodeid != 0) nodes_.push_back(entry.nodeid);
  }

  UniqueFd socket_;
  std::string request_;
  std::uint32_t opcode_ = 0;
  std::vector<std::uint64_t> nodes_ = {FUSE_ROOT_ID};
  std::uint64_t unique_ = 0;
  std::vector<char> answer_ = std::vector<char>(std::size_t{1} << 18);
};

inline void init(Kernel& kernel) {
  const fuse_init_in body = {.major = FUSE_KERNEL_VERSION,
                             .minor = FUSE_KERNEL_MINOR_VERSION,
                             .max_readahead = 131072,
                             .flags = ~FUSE_INIT_EXT & 0x7fffffffu,
                             .flags2 = 0,
                             .unused = {}};
  kernel.add(body).ask(FUSE_INIT, 0);
}

inline std::uint64_t node_of(FuzzInput& input, const Kernel& kernel) {
  const std::uint8_t which = input.byte();
  if (which < 120) return which % 40u;
  return which < 250 ? kernel.known_node(which - 120u) : input.number(5);
}

inline void change(FuzzInput& input, Kernel& kernel) {
  const std::uint64_t node = node_of(input, kernel);
  fuse_setattr_in body = {};
  body.valid = static_cast<std::uint32_t>(input.number(2)) & ~std::uint32_t{FATTR_FH};
  body.size = input.number(3);
  body.mode = static_cast<std::uint32_t>(input.number(2));
  body.mtime = input.number(4);
  kernel.add(body).ask(FUSE_SETATTR, node);
}

inline void make(FuzzInput& input, Kernel& kernel) {
  const std::uint64_t parent = node_of(input, kernel);
  if (input.byte() % 2 == 0) {
    kernel.add(fuse_mkdir_in{.mode = 0755, .umask = 022}).add_name(input.name());
    return kernel.ask(FUSE_MKDIR, parent);
  }
  kernel.add(fuse_mknod_in{.mode = 0100644, .rdev = 0, .umask = 022, .padding = 0})
      .add_name(input.name());
  kernel.ask(FUSE_MKNOD, parent);
}

inline void write(FuzzInput& input, Kernel& kernel) {
  static const std::vector<std::uint8_t> content(kMostData, 0x5a);
  const std::uint64_t node = node_of(input, kernel);
  fuse_write_in body = {};
  body.offset = input.number(3);
  body.size = static_cast<std::uint32_t>(input.number(2)) % kMostData;
  body.write_flags = input.byte() % 8;
  kernel.add(body).add_bytes(std::span(content).first(body.size)).ask(FUSE_WRITE, node);
}

inline void set_attribute(FuzzInput& input, Kernel& kernel) {
  const std::uint64_t node = node_of(input, kernel);
  const auto value = input.bytes(input.byte());
  // The layout without FUSE_SETXATTR_EXT, which libfuse 3.14 does not request.
  kernel.add(std::array<std::uint32_t, 2>{static_cast<std::uint32_t>(value.size()), 0})
      .add_name("user." + input.name())
      .add_bytes(value)
      .ask(FUSE_SETXATTR, node);
}

inline void read_something(FuzzInput& input, Kernel& kernel, std::uint32_t opcode) {
  const std::uint64_t node = node_of(input, kernel);
  fuse_read_in body = {};
  body.offset = input.number(3);
  body.size = opcode == FUSE_READ ? kMostData : 4096;
  kernel.add(body).ask(opcode, node);
}

inline void rename(FuzzInput& input, Kernel& kernel) {
  const std::uint64_t from = node_of(input, kernel);
  fuse_rename2_in body = {};
  body.newdir = node_of(input, kernel);
  body.flags = input.byte() % 4;
  const std::string name = input.name();
  kernel.add(body).add_name(name).add_name(input.name()).ask(FUSE_RENAME2, from);
}

inline void operate(FuzzInput& input, Kernel& kernel) {
  switch (input.byte() % 18) {
    case 0: {
      const std::uint64_t parent = node_of(input, kernel);
      return kernel.add_name(input.name()).ask(FUSE_LOOKUP, parent);
    }
    case 1:
      return kernel.add(fuse_getattr_in{}).ask(FUSE_GETATTR, node_of(input, kernel));
    case 2:
      return change(input, kernel);
    case 3:
      return kernel.ask(FUSE_READLINK, node_of(input, kernel));
    case 4:
      return make(input, kernel);
    case 5: {
      const std::uint64_t parent = node_of(input, kernel);
      return kernel.add_name(input.name()).ask(FUSE_UNLINK, parent);
    }
    case 6: {
      const std::uint64_t parent = node_of(input, kernel);
      return kernel.add_name(input.name()).ask(FUSE_RMDIR, parent);
    }
    case 7:
      return rename(input, kernel);
    case 8:
      return read_something(input, kernel, FUSE_READ);
    case 9:
      return read_something(input, kernel, FUSE_READDIR);
    case 10:
      return read_something(input, kernel, FUSE_READDIRPLUS);
    case 11:
      return write(input, kernel);
    case 12:
      return kernel.add(fuse_fsync_in{}).ask(FUSE_FSYNC, node_of(input, kernel));
    case 13:
      return set_attribute(input, kernel);
    case 14:
      return kernel.add(fuse_getxattr_in{.size = input.byte() * 16u, .padding = 0})
          .add_name("user." + input.name())
          .ask(FUSE_GETXATTR, node_of(input, kernel));
    case 15: {
      fuse_lseek_in body = {};
      body.offset = input.number(3);
      body.whence = input.byte() % 2 == 0 ? SEEK_DATA : SEEK_HOLE;
      return kernel.add(body).ask(FUSE_LSEEK, node_of(input, kernel));
    }
    case 16:
      return kernel.ask(FUSE_STATFS, 1);
    default:
      return kernel.add(fuse_forget_in{.nlookup = 1}).tell(FUSE_FORGET, node_of(input, kernel));
  }
}

// Serves `driver` to a kernel that follows the input, until the unmount.
inline void serve(FuzzInput& input, FileSystem& driver) {
  std::array<int, 2> ends = {};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  auto server = FuseServer::create(UniqueFd(ends[0]), {.threads = 2});
  if (!server || !(*server)->prepare()) std::abort();
  std::jthread serving([&] { (void)(*server)->serve(driver); });
  {
    Kernel kernel{UniqueFd(ends[1])};
    init(kernel);
    for (int i = 0; i < kMostOperations && !input.empty(); ++i) operate(input, kernel);
    kernel.ask(FUSE_DESTROY, 0);
  }
  serving.join();
  driver.unmounted();
}

}  // namespace airlock::fuzz
