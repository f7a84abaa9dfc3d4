// SPDX-License-Identifier: GPL-2.0-or-later
//
// The formatting library as a part of the program: one shared library less to find, map and
// relocate before it can begin.
#define FMT_HEADER_ONLY
#include <fmt/format.h>

namespace airlock {

// What everything else asks for has to be emitted here.
struct FormattingInside {
  std::string (*format)(fmt::string_view, fmt::format_args);
  void (*print)(fmt::string_view, fmt::format_args);
};
extern const FormattingInside formatting_inside;
[[gnu::used]] const FormattingInside formatting_inside{.format = &fmt::vformat,
                                                       .print = &fmt::vprint};

}  // namespace airlock
