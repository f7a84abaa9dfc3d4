// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/volume.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

namespace airlock {
namespace {

bool one_of(VolumeState state, std::initializer_list<VolumeState> states) {
  return std::ranges::find(states, state) != states.end();
}

}  // namespace

std::string_view state_name(VolumeState state) {
  switch (state) {
    case VolumeState::kProbing:
      return "probing";
    case VolumeState::kWaiting:
      return "waiting";
    case VolumeState::kAvailable:
      return "available";
    case VolumeState::kMounting:
      return "mounting";
    case VolumeState::kMounted:
      return "mounted";
    case VolumeState::kUnmounting:
      return "unmounting";
    case VolumeState::kDead:
      return "dead";
    case VolumeState::kIgnored:
      return "ignored";
    case VolumeState::kRefused:
      return "refused";
    case VolumeState::kGone:
      return "gone";
  }
  std::abort();  // a state outside the enumeration is a bug
}

bool may_become(VolumeState from, VolumeState to) {
  using enum VolumeState;
  if (to == kGone) return from != kGone;  // pulled out: that can happen at any moment
  switch (from) {
    case kProbing:
      return one_of(to, {kWaiting, kAvailable, kMounting, kMounted, kIgnored, kRefused});
    case kWaiting:
    case kAvailable:
    case kIgnored:
    case kRefused:
      return one_of(to, {kProbing, kWaiting, kAvailable, kMounting, kMounted, kIgnored, kRefused});
    case kMounting:
      return one_of(to, {kMounted, kAvailable});
    case kMounted:
      return one_of(to, {kUnmounting, kDead, kAvailable});
    case kUnmounting:
      return one_of(to, {kAvailable, kMounted, kDead});
    case kDead:
      return one_of(to, {kMounting, kMounted, kAvailable});
    case kGone:
      return false;  // removed next
  }
  std::abort();
}

}  // namespace airlock
