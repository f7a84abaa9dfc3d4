// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/mount/mount_session.h"
#include "lib/protocol/server.h"

namespace airlock::testing {

// Bytes in the notation of the protocol page: hexadecimal digits, blanks ignored.
Bytes from_hex(std::string_view digits);
std::string to_hex(ByteSpan bytes);

std::size_t count_descriptors();

// Whether this kernel lets a receiver refuse descriptors (Linux 6.16).
bool kernel_can_refuse_descriptors();

// The socket of a sloppy or hostile end: no rules, no owner for arriving descriptors.
class RawPeer {
 public:
  explicit RawPeer(UniqueFd socket) : socket_(std::move(socket)) {}

  // 0 or the errno of sendmsg.
  int send(ByteSpan bytes, const std::vector<int>& descriptors = {});
  int send_with_credentials(ByteSpan bytes);
  // The next packet; nullopt if none has arrived, empty at end of file.
  std::optional<ReceivedPacket> receive();

  [[nodiscard]] int fd() const { return socket_.get(); }
  void shut_and_close();
  void close_only() { socket_.reset(); }

 private:
  UniqueFd socket_;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A world with one medium (a file), one mount point (a directory) and a mount table of one entry.
// Set an error to make that effect fail from then on.
class FakeMountEffects : public MountEffects {
 public:
  FakeMountEffects();

  Result<UniqueFd> open_fuse_device() override;
  Result<UniqueFd> open_medium(std::uint32_t open_flags, bool block_device_only,
                               std::uint32_t block_size) override;
  Result<UniqueFd> open_live_state() override;
  Result<std::uint32_t> pin_mount_point() override;
  Result<void> attach(const MountRequest& request, BorrowedFd fuse_device) override;
  void detach() override;

  [[nodiscard]] bool mounted() const { return mount.has_value(); }
  [[nodiscard]] std::string medium() const { return directory.path() / "medium"; }
  [[nodiscard]] std::string mount_point() const { return directory.path() / "mnt"; }

  TemporaryDirectory directory;
  int device_error = 0;
  int medium_error = 0;
  int live_state_error = 0;
  int pin_error = 0;
  int attach_error = 0;

  std::optional<MountRequest> mount;
  ino_t mounted_on = 0;
  int attaches = 0;
  int detaches = 0;
  int medium_opens = 0;
  std::uint32_t last_open_flags = 0;
  bool held_exclusively = false;

 private:
  UniqueFd pin_;
};

}  // namespace airlock::testing
