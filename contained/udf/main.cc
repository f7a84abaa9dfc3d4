// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "contained/udf/udf.h"

constexpr std::array kFilter = {
#include "contained/udf/filter.inc"
};

int main(int argc, char** argv) {
  return airlock::read_only_driver_main(
      argc, argv, {.name = "airlock-udf", .filter = kFilter, .open = airlock::udf::open});
}
