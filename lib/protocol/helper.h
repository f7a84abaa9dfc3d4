// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/error.h"
#include "lib/protocol/packets.h"
#include "lib/protocol/wire.h"

namespace airlock {

// What was decided about one mount before its driver could say a word.
struct HelperRules {
  std::string subtype;
  std::string medium_path;  // the only path that can be opened, and the source of the mount
  std::string mount_point;  // the only mount point, word for word
  bool allow_fuseblk = false;
  bool allow_other = false;
  std::uint32_t forced_flags = 0;  // MS_*; nosuid and nodev are forced in any case
  uid_t user = 0;                  // who the mount belongs to (D10)
  gid_t group = 0;
  bool offers_live_state = false;  // the driver may ask for kLiveStateFileName
  bool resumes = false;            // it goes on with a mount that exists, and makes none
};

// A mount as it is to be made: complete, screened, nothing left to decide.
struct MountRequest {
  bool block = false;  // fuseblk instead of fuse
  std::string source;
  std::string subtype;
  std::vector<std::string> options;  // allow-listed, e.g. "allow_other", "max_read=131072"
  std::uint32_t flags = 0;           // MS_* bits, nosuid and nodev always among them
  std::uint32_t root_mode = 0;       // file type bits of the mount point
  uid_t user = 0;
  gid_t group = 0;
};

// What goes along with a packet.
enum class Attachment { kNone, kArguments, kFuseDevice, kMedium, kLiveState };

struct OutgoingPacket {
  Bytes bytes;
  Attachment attachment = Attachment::kNone;
};

// What the holder of a Helper has to do next. The five effects are answered with the call of the
// same name; SendPackets and Finish are not answered.
struct SendPackets {
  std::vector<OutgoingPacket> packets;
};
struct OpenFuseDevice {};
struct OpenMedium {
  std::uint32_t open_flags = 0;
  bool block_device_only = false;
  std::uint32_t block_size = 0;
};
struct OpenLiveState {};
struct PinMountPoint {};
struct Attach {
  MountRequest request;
};
// The session is over. If detach is kYes, a mount was attached and has to be undone (D7, D8).
struct Finish {
  enum class Detach { kNo, kYes };
  Result<void> verdict;
  Detach detach = Detach::kNo;
  std::optional<OutgoingPacket> last_packet;
};
using HelperEffect = std::variant<OpenFuseDevice, OpenMedium, OpenLiveState, PinMountPoint, Attach>;
using HelperAction = std::variant<SendPackets, HelperEffect, Finish>;

// The mounting end of one session as a pure state machine: packets and results of effects go in,
// actions come out; it opens, sends and waits for nothing. Here live the rules that keep a hostile
// driver harmless (D1-D6 and D8-D10). Calling it out of turn, say reporting an effect that was not
// asked for, is a bug of the holder and aborts.
class Helper {
 public:
  explicit Helper(HelperRules rules) : rules_(std::move(rules)) {}

  HelperAction start();
  // One whole packet, never empty (an empty one means the peer is gone).
  HelperAction packet_arrived(ByteSpan bytes);
  HelperAction peer_gone();
  // A deadline passed or the connection failed; nothing the peer says matters any more.
  HelperAction give_up(Error reason);

  // Results of effects: errno as it will travel, 0 for success.
  HelperAction fuse_device_opened(std::uint32_t error);
  HelperAction medium_opened(std::uint32_t error);
  HelperAction live_state_opened(std::uint32_t error);
  HelperAction mount_point_pinned(std::uint32_t error, std::uint32_t mode);
  HelperAction attached(std::uint32_t error);

  [[nodiscard]] bool finished() const { return phase_ == Phase::kFinished; }

 private:
  enum class Phase { kNew, kHello, kServing, kFinished };
  enum class Pending { kNothing, kFuseDevice, kMedium, kLiveState, kMountPoint, kAttach };
  enum class MountState { kNone, kTried, kAttached };

  HelperAction handle(const OpenPacket& packet);
  HelperAction handle(const TypePacket& packet);
  HelperAction handle(const SourcePacket& packet);
  HelperAction handle(const OptionsPacket& packet);
  HelperAction handle(const MountPointPacket& packet);
  HelperAction handle(const MountTablePacket& packet);
  HelperAction handle(const MountPacket& packet);
  HelperAction handle(const ByePacket& packet);
  HelperAction handle(const MalformedPacket& packet);

  HelperAction hello_answered(ByteSpan bytes);
  [[nodiscard]] std::uint32_t screen_open(const OpenPacket& packet) const;
  [[nodiscard]] std::uint32_t screen_mount(const MountPacket& packet) const;
  [[nodiscard]] MountRequest make_request(std::uint32_t flags) const;

  HelperAction file_answer(std::uint32_t error, std::string path, Attachment attachment);
  HelperAction reply(Magic command, std::uint32_t error);
  HelperAction finish(Result<void> verdict);
  HelperAction await(Pending pending, HelperEffect effect);
  void settle(Pending effect);
  void note_refusal(Magic command, std::uint32_t error);

  HelperRules rules_;
  Phase phase_ = Phase::kNew;
  Pending pending_ = Pending::kNothing;
  MountState mount_state_ = MountState::kNone;
  OpenPacket open_request_;
  MountPointPacket mount_point_request_;
  std::optional<bool> block_;  // TYPE, once it was accepted
  bool source_given_ = false;
  std::optional<std::vector<std::string>> options_;
  bool mount_table_given_ = false;
  std::optional<std::uint32_t> root_mode_;  // MNTP, once it was accepted
  Magic refused_command_ = Magic::kBye;
  std::uint32_t refusal_ = 0;  // the last errno we answered with
};

}  // namespace airlock
