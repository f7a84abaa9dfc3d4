// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "contained/iso/iso.h"

constexpr std::array kFilter = {
#include "contained/iso/filter.inc"
};

int main(int argc, char** argv) {
  return airlock::read_only_driver_main(
      argc, argv, {.name = "airlock-iso", .filter = kFilter, .open = airlock::iso::open});
}
