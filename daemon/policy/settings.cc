// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/settings.h"

#include <fmt/format.h>

#include <cstdlib>

#include "lib/base/text.h"

namespace airlock {

std::string_view to_word(Automount automount) {
  switch (automount) {
    case Automount::kOff:
      return "off";
    case Automount::kAsk:
      return "ask";
    case Automount::kOn:
      return "on";
  }
  std::abort();
}

std::string_view to_word(FileOwner owner) {
  return owner == FileOwner::kUser ? "user" : "media";
}

std::string_view to_word(Heal heal) {
  return heal == Heal::kOn ? "on" : "off";
}

std::string_view to_word(CheckWhen check) {
  switch (check) {
    case CheckWhen::kNever:
      return "never";
    case CheckWhen::kWhenDirty:
      return "when-dirty";
    case CheckWhen::kAlways:
      return "always";
  }
  std::abort();
}

std::string_view to_word(Uncontained uncontained) {
  switch (uncontained) {
    case Uncontained::kAllow:
      return "allow";
    case Uncontained::kWarn:
      return "warn";
    case Uncontained::kRefuse:
      return "refuse";
  }
  std::abort();
}

std::string Origin::text() const {
  if (built_in()) return "built-in";
  const std::string place = fmt::format("{}:{}", file, line);
  return rule.empty() ? place : place + " " + quote(rule);
}

}  // namespace airlock
