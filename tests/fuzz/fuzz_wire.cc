// SPDX-License-Identifier: GPL-2.0-or-later
// Arbitrary packets into every decoder and through the helper state machine. An input is a list of
// events: one byte for the kind, two for a length, then that many bytes of packet. The promises of
// D1-D6 and D8-D9 are checked after each event.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>

#include "lib/protocol/helper.h"
#include "lib/protocol/mount_options.h"
#include "lib/protocol/wire.h"
#include "tests/fuzz/fuzz_input.h"

namespace airlock {
namespace {

constexpr char kMedium[] = "/dev/sdb1";
constexpr char kMountPoint[] = "/mnt";

void require(bool promise) {
  if (!promise) std::abort();
}

// With a length from the input.
ByteSpan packet_from(FuzzInput& input) {
  const std::size_t high = input.byte();
  const std::size_t low = input.byte();
  return std::as_bytes(input.bytes(high << 8 | low));
}

// Checks the helper's promises in a simulated world in which anything may fail.
class World {
 public:
  explicit World(FuzzInput& input) : input_(input), settings_(input.byte()) {
    HelperRules rules{.subtype = "ext4",
                      .medium_path = kMedium,
                      .mount_point = kMountPoint,
                      .allow_fuseblk = (settings_ & 1) != 0,
                      .allow_other = (settings_ & 2) != 0,
                      .forced_flags = (settings_ & 4) != 0 ? MS_RDONLY | MS_NOEXEC : 0u,
                      .user = 1000,
                      .group = 1000,
                      .offers_live_state = (settings_ & 8) != 0,
                      .resumes = (settings_ & 16) != 0};
    helper_.emplace(std::move(rules));
  }

  void run() {
    carry_out(helper_->start());
    while (!input_.empty() && !helper_->finished()) {
      const std::uint8_t event = input_.byte();
      const ByteSpan packet = packet_from(input_);
      if (event == 255 || packet.empty())
        carry_out(helper_->peer_gone());
      else
        carry_out(helper_->packet_arrived(packet));
    }
    if (!helper_->finished()) carry_out(helper_->peer_gone());
  }

 private:
  void carry_out(HelperAction action) {
    while (auto* effect = std::get_if<HelperEffect>(&action))
      action = std::visit([this](const auto& wanted) { return answer(wanted); }, *effect);
    if (auto* packets = std::get_if<SendPackets>(&action)) check(*packets);
    if (auto* end = std::get_if<Finish>(&action)) check(*end);
  }

  std::uint32_t outcome() { return input_.byte() % 4 == 3 ? EIO : 0u; }

  HelperAction answer(const OpenLiveState&) {
    require((settings_ & 8) != 0 && attaches_ == 0);
    return helper_->live_state_opened(outcome());
  }
  HelperAction answer(const OpenFuseDevice&) { return helper_->fuse_device_opened(outcome()); }

  HelperAction answer(const OpenMedium& wanted) {
    require((wanted.open_flags & (O_CREAT | O_TRUNC | O_PATH | O_DIRECTORY | O_APPEND)) == 0);
    require((settings_ & 4) == 0 || (wanted.open_flags & O_ACCMODE) == O_RDONLY);
    require(attaches_ == 0);
    return helper_->medium_opened(outcome());
  }

  HelperAction answer(const PinMountPoint&) {
    require(attaches_ == 0);
    constexpr std::uint32_t kModes[] = {S_IFDIR, S_IFREG, S_IFIFO, S_IFBLK};
    const std::uint32_t error = outcome();
    return helper_->mount_point_pinned(error, kModes[input_.byte() % 4] | 0755u);
  }

  HelperAction answer(const Attach& wanted) {
    const MountRequest& request = wanted.request;
    require(++attaches_ == 1 && (settings_ & 16) == 0);
    require((request.flags & ~kKnownMountFlags) == 0);
    require((request.flags & MS_NOSUID) != 0 && (request.flags & MS_NODEV) != 0);
    require((settings_ & 4) == 0 || (request.flags & MS_RDONLY) != 0);
    require(!request.block || ((settings_ & 1) != 0 && request.source == kMedium));
    require(request.source == kMedium || request.source.front() != '/');
    require(request.source.size() <= kMaxKernelString);
    require(request.root_mode == S_IFDIR || request.root_mode == S_IFREG);
    require(request.user == 1000 && request.group == 1000 && request.subtype == "ext4");
    for (const std::string& option : request.options) check_option(option);
    const std::uint32_t error = outcome();
    attached_ = error == 0;
    return helper_->attached(error);
  }

  void check_option(const std::string& option) const {
    require(option.size() <= kMaxKernelString);
    require(option == "default_permissions" || option.starts_with("max_read=") ||
            option.starts_with("blksize=") || (option == "allow_other" && (settings_ & 2) != 0));
  }

  static void check(const SendPackets& sent) {
    require(!sent.packets.empty());
    for (const OutgoingPacket& packet : sent.packets) require(!packet.bytes.empty());
  }

  void check(const Finish& end) const {
    require(helper_->finished());
    require(!end.verdict || attached_ || (settings_ & 16) != 0);
    require((end.detach == Finish::Detach::kYes) == (attached_ && !end.verdict));
  }

  FuzzInput& input_;
  std::uint8_t settings_;
  std::optional<Helper> helper_;
  int attaches_ = 0;
  bool attached_ = false;
};

void decode_everything(ByteSpan bytes) {
  (void)decode_hello(bytes);
  (void)decode_hello_reply(bytes);
  (void)decode_reply(bytes);
  (void)decode_file(bytes, kMedium);
  (void)decode_command(bytes);
}

}  // namespace
}  // namespace airlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  airlock::decode_everything(std::as_bytes(bytes));
  airlock::FuzzInput input(bytes);
  airlock::World(input).run();
  return 0;
}
