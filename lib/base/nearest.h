// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string_view>

namespace airlock {

// The candidate that was probably meant by a word that matches none; empty if none is similar
// enough.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace airlock
