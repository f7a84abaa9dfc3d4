// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-probe: told a descriptor, it answers once what is on it, and is gone.

#include <algorithm>
#include <array>
#include <chrono>

#include "contained/probe/examine.h"
#include "contained/runtime/confine.h"
#include "contained/runtime/one_answer.h"
#include "lib/protocol/channel.h"

namespace airlock::probe {
namespace {

// Whoever started us kills us much sooner.
constexpr std::chrono::seconds kPatience{60};

constexpr std::array kFilter = {
#include "contained/probe/filter.inc"
};

Result<UniqueFd> hear_request(Channel& channel) {
  TRY(auto packet,
      channel.receive(kProbeRequest.size(), Descriptors::kTakeOne, deadline_in(kPatience)));
  if (!std::ranges::equal(packet.bytes, kProbeRequest) || packet.odd_control_data ||
      !packet.descriptor.valid())
    return fail(Errc::kProtocol, "the packet is not a probe request");
  return std::move(packet.descriptor);
}

Result<void> answer(Channel& channel, const ProbeReply& reply) {
  TRY(const Bytes bytes, encode_probe_reply(reply));
  return channel.send(bytes, kNoDescriptor, deadline_in(kPatience));
}

Result<void> run() {
  TRY_VOID(enter_empty_root());
  TRY(Channel channel, control_channel("to look at a medium yourself, use blkid"));
  // Before the first byte of a medium, and even before there is one.
  TRY_VOID(confine(kFilter));
  TRY(auto medium, hear_request(channel));
  return answer(channel, examine(std::move(medium)));
}

}  // namespace
}  // namespace airlock::probe

int main() {
  return airlock::answer_once("airlock-probe", airlock::probe::run);
}
