// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/mount_news.h"

#include <array>
#include <climits>
#include <cstring>

#include "lib/protocol/check_record.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kTellingTime = 5s;
constexpr std::size_t kLongestNews = PATH_MAX + 1;
constexpr char kPlace = 'P';
constexpr char kDriver = 'D';
constexpr std::array kSkip = {std::byte{'S'}};

Result<void> tell(Channel& to, const std::string& packet, BorrowedFd descriptor) {
  const auto* begin = reinterpret_cast<const std::byte*>(packet.data());
  return to.send(ByteSpan(begin, packet.size()), descriptor, deadline_in(kTellingTime));
}

}  // namespace

Result<void> MountNews::tell_place(Channel& to, const std::string& place) {
  return tell(to, kPlace + place, kNoDescriptor);
}

Result<void> MountNews::tell_driver(Channel& to, pid_t pid, BorrowedFd life) {
  std::string packet(1, kDriver);
  packet.append(reinterpret_cast<const char*>(&pid), sizeof pid);
  return tell(to, packet, life);
}

void MountNews::tell_check(Channel& to, std::uint32_t done) {
  (void)to.try_send(encode_check_progress(done), kNoDescriptor);
}

// The packet stays in the socket until the errand looks; an errand that has ended does not need it.
void MountNews::skip_check() {
  (void)from_.try_send(kSkip, kNoDescriptor);
}

void MountNews::read() {
  while (!ended_) {
    auto received = from_.try_receive(kLongestNews, Descriptors::kTakeOne);
    if (received && !*received) return;
    if (!received)
      ended_ = true;
    else
      take(std::move(**received));
  }
}

void MountNews::take(ReceivedPacket packet) {
  if (const auto done = decode_check_progress(packet.bytes)) checked_ = *done;
  const std::string_view text(reinterpret_cast<const char*>(packet.bytes.data()),
                              packet.bytes.size());
  if (text.starts_with(kPlace)) place_ = text.substr(1);
  if (!text.starts_with(kDriver) || text.size() != 1 + sizeof driver_) return;
  std::memcpy(&driver_, text.data() + 1, sizeof driver_);
  life_ = std::move(packet.descriptor);
}

}  // namespace airlock
