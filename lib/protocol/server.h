// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"
#include "lib/protocol/packets.h"

namespace airlock {

enum class FuseKind { kFuse, kFuseblk };

// How a service manager or our launcher says that descriptor 3 is a connection.
struct Activation {
  std::optional<std::string> listen_pid;
  std::optional<std::string> listen_fds;
  pid_t own_pid = 0;
  int first_descriptor = 3;

  // Removes the variables from the environment, so that processes we start do not believe them.
  // Call it before the first thread exists.
  static Activation from_environment();
};

struct ServerDeadlines {
  std::chrono::milliseconds hello{10'000};
  std::chrono::milliseconds answer{60'000};
};

struct OpenRequest {
  std::string path;
  std::uint32_t open_flags = 0;
  OpenTarget target = OpenTarget::kAnyFile;
  std::uint32_t block_size = 0;     // for block devices; 0 keeps the current one
  std::uint32_t request_flags = 0;  // kOpenQuiet: the helper prints nothing if it fails
};

enum class Writable { kYes, kNo };

struct OpenedDevice {
  UniqueFd descriptor;
  Writable writable = Writable::kYes;
};

// The mount that a driver wants; empty texts are left out.
struct ServiceMount {
  FuseKind kind = FuseKind::kFuse;
  std::string source;
  std::string mount_point;  // exactly as in the arguments
  std::uint16_t expected_type = kExpectDirectory;
  std::string options;
  std::string mount_table;
  std::uint32_t flags = 0;  // MS_*
};

// The driver's end of a mount-service session: takes over the connection, asks the helper for files
// and for the mount, says goodbye. Blocking, always with a deadline. A refusal by the helper is a
// failure whose cause is the errno it sent, and the session continues; any other failure breaks the
// session for good, and every later call fails. If it is destroyed without goodbye(), it says
// goodbye with a failure code, so the helper undoes its work.
class Server {
 public:
  // nullopt: this process was not started as a service. Otherwise descriptor 3 is ours from here
  // on, even after a failure; it must be a local packet socket with a large enough send buffer.
  // Connections from any uid but 0 are refused (D12). Both ends of an unnamed pair belong to our
  // starter, so there the uid says nothing and is not checked.
  static Result<std::optional<Server>> adopt(const Activation& activation,
                                             ServerDeadlines deadlines = {});

  Server(Server&&) noexcept = default;
  Server& operator=(Server&&) = delete;
  ~Server();

  // The handshake: receives the hello, then the arguments and the FUSE device.
  Result<void> accept();

  // Valid after accept().
  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }
  [[nodiscard]] std::vector<std::string> merged_arguments(std::span<const std::string> own) const;
  [[nodiscard]] bool allow_other_permitted() const {
    return (hello_flags_ & kHelloAllowOther) != 0;
  }
  [[nodiscard]] bool fuseblk_permitted() const { return (hello_flags_ & kHelloFuseblk) != 0; }
  [[nodiscard]] BorrowedFd fuse_device() const { return fuse_device_.borrow(); }
  UniqueFd take_fuse_device() { return std::move(fuse_device_); }

  Result<UniqueFd> open_file(const OpenRequest& request);
  Result<UniqueFd> open_device(std::string_view path, std::uint32_t open_flags);
  // Tries read-write first, and read-only if that is refused (EPERM, EACCES, EROFS). The flags are
  // added to both; O_EXCL keeps others away but rules out fuseblk.
  Result<OpenedDevice> open_device_or_read_only(std::string_view path, std::uint32_t extra_flags);
  // No more descriptors are accepted from here on. Call before set_mount_point().
  Result<void> finish_opening();

  // Call in this order; set_options and set_mount_table only with a non-empty text.
  Result<void> choose_type(FuseKind kind);
  Result<void> set_source(std::string_view source);
  Result<void> set_mount_point(std::string_view path, std::uint16_t expected_type);
  Result<void> set_options(std::string_view options);
  Result<void> set_mount_table(std::string_view options);
  Result<void> mount(std::uint32_t flags);
  // All of the above in order. After a failure nothing is mounted, or the helper undoes it at the
  // goodbye; call goodbye(1) then.
  Result<void> make_mount(const ServiceMount& wanted);

  // Ends the session: 0 after a mount, anything else after a failure.
  Result<void> goodbye(std::uint32_t code);

  [[nodiscard]] BorrowedFd connection() const { return channel_.descriptor(); }

 private:
  enum class State { kAdopted, kServing, kBroken, kEnded };

  Server(Channel channel, ServerDeadlines deadlines)
      : channel_(std::move(channel)), deadlines_(deadlines) {}

  Result<void> greet();
  Result<UniqueFd> receive_file(std::string_view path, Deadline deadline);
  Result<void> request(Magic magic, ByteSpan packet);
  Result<void> require_serving() const;
  template <typename T>
  Result<T> break_session(Result<T> failed);

  Channel channel_;
  ServerDeadlines deadlines_;
  State state_ = State::kAdopted;
  std::uint32_t hello_flags_ = 0;
  std::vector<std::string> arguments_;
  UniqueFd fuse_device_;
};

// A service exits with 0 or 1, and only after a moment: the journal needs the process to exist
// while it finds out who wrote the last lines. Pass zero without a service manager.
inline constexpr std::chrono::milliseconds kJournalGrace{2000};
enum class ServiceEnd { kSuccess, kFailure };
int leave_service(ServiceEnd end, std::chrono::milliseconds grace = kJournalGrace);

}  // namespace airlock
