// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/arguments.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <utility>

#include "lib/base/text.h"

namespace airlock::ctl {
namespace {

struct Flag {
  const char* name;
  char letter;  // '\0': none
  bool Arguments::* member;
};
constexpr std::array kKnownFlags = {
    Flag{"json", 'j', &Arguments::json},       Flag{"quiet", 'q', &Arguments::quiet},
    Flag{"all", 'a', &Arguments::all},         Flag{"lazy", 'l', &Arguments::lazy},
    Flag{"force", 'f', &Arguments::force},     Flag{"read-only", 'r', &Arguments::read_only},
    Flag{"no-ask", '\0', &Arguments::no_ask},  Flag{"power-off", '\0', &Arguments::power_off},
    Flag{"yes", 'y', &Arguments::yes},         Flag{"help", 'h', &Arguments::help},
    Flag{"version", 'V', &Arguments::version},
};

struct Setting {
  const char* name;
  char letter;
  std::string Arguments::* member;
};
constexpr std::array kSettings = {Setting{"options", 'o', &Arguments::options},
                                  Setting{"type", 't', &Arguments::type}};

// How many letters have to be changed, added or dropped. Two that changed places count once: that
// is how fingers slip.
std::size_t distance(std::string a, const std::string& b) {
  std::size_t swapped = 0;
  for (std::size_t i = 0; i + 1 < std::min(a.size(), b.size()); ++i) {
    if (a[i] == b[i] || a[i] != b[i + 1] || a[i + 1] != b[i]) continue;
    std::swap(a[i], a[i + 1]);
    ++swapped;
  }
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back() + swapped;
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  Result<Arguments> parse() {
    bool only_operands = false;
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (only_operands || word.size() < 2 || word[0] != '-') {
        operand(word);
      } else if (word == "--") {
        only_operands = true;
      } else if (word[1] == '-') {
        TRY_VOID(long_option(word.substr(2)));
      } else {
        TRY_VOID(letters(word));
      }
    }
    return std::move(arguments_);
  }

 private:
  void operand(const std::string& word) {
    if (arguments_.verb.empty()) {
      arguments_.verb = word;
    } else {
      arguments_.operands.push_back(word);
    }
  }

  Result<void> long_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    for (const Flag& flag : kKnownFlags) {
      if (name != flag.name) continue;
      if (equals == std::string::npos) return set(flag);
      return fail(Errc::kInvalidArgument, "--{} takes no value", flag.name);
    }
    for (const Setting& setting : kSettings)
      if (name == setting.name)
        return equals == std::string::npos ? value_of(setting)
                                           : set(setting, word.substr(equals + 1));
    return unknown("--" + name);
  }

  Result<void> letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      const auto flag = std::ranges::find(kKnownFlags, letter, &Flag::letter);
      if (flag != kKnownFlags.end()) {
        TRY_VOID(set(*flag));
        continue;
      }
      const auto setting = std::ranges::find(kSettings, letter, &Setting::letter);
      if (setting == kSettings.end()) return unknown(std::string("-") + letter);
      return i + 1 < word.size() ? set(*setting, word.substr(i + 1)) : value_of(*setting);
    }
    return {};
  }

  Result<void> set(const Flag& flag) {
    arguments_.*flag.member = true;
    arguments_.given.emplace_back(flag.name);
    return {};
  }

  Result<void> set(const Setting& setting, const std::string& value) {
    std::string& into = arguments_.*setting.member;
    const bool again = !into.empty();
    if (again && setting.member != &Arguments::options)
      return fail(Errc::kInvalidArgument, "--{} is given twice", setting.name);
    into += (again ? "," : "") + value;
    arguments_.given.emplace_back(setting.name);
    return {};
  }

  Result<void> value_of(const Setting& setting) {
    if (next_ == words_.size())
      return fail(Errc::kInvalidArgument, "--{} needs a value", setting.name);
    return set(setting, words_[next_++]);
  }

  static Result<void> unknown(const std::string& option) {
    std::vector<std::string> names;
    for (const Flag& flag : kKnownFlags) names.push_back(std::string("--") + flag.name);
    for (const Setting& setting : kSettings) names.push_back(std::string("--") + setting.name);
    const auto meant = nearest(option, names);
    return fail(Errc::kInvalidArgument, "there is no option {}{}", quote(option),
                meant ? "; did you mean " + *meant + "?" : "");
  }

  std::span<const std::string> words_;
  std::size_t next_ = 0;
  Arguments arguments_;
};

}  // namespace

Result<Arguments> parse_arguments(std::span<const std::string> words) {
  return Parser(words).parse();
}

std::optional<std::string> nearest(const std::string& word,
                                   std::span<const std::string> candidates) {
  // Long enough words only: everything is near a word of two letters.
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t far = distance(word, candidate);
    if (far >= best_distance || far >= candidate.size()) continue;
    best_distance = far;
    best = candidate;
  }
  return best;
}

}  // namespace airlock::ctl
