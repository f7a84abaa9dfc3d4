// SPDX-License-Identifier: GPL-2.0-or-later
// A part of the build: writes the filter airlock-hostile installs.
#include "contained/runtime/make_filter.h"

int main() {
  return airlock::write_filter({});
}
