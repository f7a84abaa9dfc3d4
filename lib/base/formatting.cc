// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes the formatting library a part of the program: one shared library less to find, map and
// relocate at its start.
#define FMT_HEADER_ONLY
#include <fmt/format.h>

namespace airlock {

// Functions that other files need must be emitted here.
struct FormattingInside {
  std::string (*format)(fmt::string_view, fmt::format_args);
  void (*print)(fmt::string_view, fmt::format_args);
};
extern const FormattingInside formatting_inside;
[[gnu::used]] const FormattingInside formatting_inside{.format = &fmt::vformat,
                                                       .print = &fmt::vprint};

}  // namespace airlock
