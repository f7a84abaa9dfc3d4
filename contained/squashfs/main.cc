// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "contained/squashfs/squashfs.h"

constexpr std::array kFilter = {
#include "contained/squashfs/filter.inc"
};

int main(int argc, char** argv) {
  return airlock::read_only_driver_main(
      argc, argv, {.name = "airlock-squashfs", .filter = kFilter, .open = airlock::squashfs::open});
}
