// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/toml_bare_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <string>

#include "lib/base/text.h"

namespace airlock {
namespace {

class BareText {
 public:
  BareText(std::string_view text, std::string_view file) : all_(text), rest_(text), file_(file) {}

  Result<void> check() {
    while (!rest_.empty()) {
      const char first = rest_.front();
      if (static_cast<unsigned char>(first) >= 0x80) return fail_letter();
      if (first == '[' && open_.empty() && at_line_start()) TRY_VOID(check_header());
      TRY_VOID(check_bracket(first));
      step(first);
    }
    return {};
  }

 private:
  Result<void> check_bracket(char bracket) {
    if (bracket == '[' || bracket == '{') open_ += bracket;
    if (bracket != ']' && bracket != '}') return {};
    if (open_.empty() || open_.back() != (bracket == ']' ? '[' : '{'))
      return fail_here("this bracket closes none that is open");
    open_.pop_back();
    return {};
  }

  void step(char first) {
    if (first == '#')
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    else if (first == '"' || first == '\'')
      skip_string(first);
    else
      rest_.remove_prefix(1);
  }

  [[nodiscard]] std::string_view before() const {
    return all_.substr(0, all_.size() - rest_.size());
  }

  [[nodiscard]] bool at_line_start() const {
    const std::string_view line = before().substr(before().rfind('\n') + 1);
    return line.find_first_not_of(" \t") == std::string_view::npos;
  }

  // "[name" or "[[name": without the name, the library ends the process.
  [[nodiscard]] Result<void> check_header() const {
    std::string_view name = rest_.substr(rest_.starts_with("[[") ? 2 : 1);
    name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
    if (name.empty()) return {};  // the library reports this one
    const auto letter = static_cast<unsigned char>(name.front());
    const bool named = std::isalnum(letter) != 0 || letter >= 0x80 ||
                       std::string_view("_-\"']").find(name.front()) != std::string_view::npos;
    if (named) return {};
    return fail_here("a line that begins with a bracket is [NAME] or [[NAME]]");
  }

  void skip_string(char quote_mark) {
    const std::string three(3, quote_mark);
    if (rest_.starts_with(three)) {
      rest_.remove_prefix(three.size());
      skip_until(three, quote_mark);
      // Up to two more quotes belong to the text.
      for (int i = 0; i < 2 && rest_.starts_with(quote_mark); ++i) rest_.remove_prefix(1);
    } else {
      rest_.remove_prefix(1);
      skip_until(std::string_view(three).substr(0, 1), quote_mark);
    }
  }

  // Text in single quotes has no escapes. A one-line text always ends with the line.
  void skip_until(std::string_view end, char quote_mark) {
    while (!rest_.empty() && !rest_.starts_with(end)) {
      if (end.size() == 1 && rest_.front() == '\n') return;
      const bool escape = quote_mark == '"' && rest_.front() == '\\';
      rest_.remove_prefix(std::min<std::size_t>(escape ? 2 : 1, rest_.size()));
    }
    rest_.remove_prefix(std::min(end.size(), rest_.size()));
  }

  [[nodiscard]] std::unexpected<Error> fail_letter() const {
    std::size_t length = 1;  // in bytes; the letter may be broken
    while (length < std::min<std::size_t>(rest_.size(), 4) && is_continuation(rest_[length]))
      ++length;
    return fail_here(fmt::format("letters such as {} must stand in quotes or in a comment",
                                 quote(rest_.substr(0, length))));
  }

  [[nodiscard]] std::unexpected<Error> fail_here(std::string_view what) const {
    const auto line = 1 + std::ranges::count(before(), '\n');
    const std::string_view in_line = before().substr(before().rfind('\n') + 1);
    return fail(Errc::kInvalidArgument, "{}:{}:{}: {}", file_, line,
                1 + std::ranges::count_if(in_line, std::not_fn(is_continuation)), what);
  }

  static bool is_continuation(char letter) {
    return (static_cast<unsigned char>(letter) & 0xc0) == 0x80;
  }

  std::string_view all_;
  std::string_view rest_;
  std::string_view file_;
  std::string open_;  // brackets; inside a value, a bracket does not begin a table
};

}  // namespace

Result<void> check_bare_text(std::string_view text, std::string_view file) {
  return BareText(text, file).check();
}

}  // namespace airlock
