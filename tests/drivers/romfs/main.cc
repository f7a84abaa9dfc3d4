// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "tests/drivers/romfs/romfs.h"

constexpr std::array kFilter = {
#include "tests/drivers/romfs/filter.inc"
};

int main(int argc, char** argv) {
  return airlock::read_only_driver_main(
      argc, argv, {.name = "airlock-romfs", .filter = kFilter, .open = airlock::romfs::open});
}
