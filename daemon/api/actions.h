// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <string_view>

// The questions that we ask polkit. polkit/org.airlock1.policy says who may do each; a test
// compares the two.
namespace airlock::actions {

inline constexpr std::string_view kMountRemovable = "org.airlock1.mount-removable";
inline constexpr std::string_view kMountOtherSeat = "org.airlock1.mount-other-seat";
inline constexpr std::string_view kMountSystem = "org.airlock1.mount-system";
inline constexpr std::string_view kMountImage = "org.airlock1.mount-image";
inline constexpr std::string_view kUnmountOthers = "org.airlock1.unmount-others";
inline constexpr std::string_view kEject = "org.airlock1.eject";
inline constexpr std::string_view kPowerOff = "org.airlock1.power-off";
inline constexpr std::string_view kRepair = "org.airlock1.repair";
inline constexpr std::string_view kFormat = "org.airlock1.format";
inline constexpr std::string_view kMountOptions = "org.airlock1.mount-options";
inline constexpr std::string_view kChangeSettings = "org.airlock1.change-settings";

inline constexpr std::array kAll = {
    kMountRemovable, kMountOtherSeat, kMountSystem, kMountImage,   kUnmountOthers,  kEject,
    kPowerOff,       kRepair,         kFormat,      kMountOptions, kChangeSettings,
};

}  // namespace airlock::actions
