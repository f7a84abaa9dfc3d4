// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdlib>

#include "daemon/policy/policy.h"
#include "daemon/policy/rule_match.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using FactMap = std::map<std::string, std::string>;
using TextMap = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;

std::string_view yes_or_no(bool value) {
  return value ? "yes" : "no";
}

std::string_view to_word(ProbeUsage usage) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"nothing", "filesystem", "crypto", "raid", "partition table", "other"});
  return kWords.at(static_cast<std::size_t>(usage));
}

std::string_view to_word(MediumState state) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"unknown", "clean", "dirty", "hibernated", "errors"});
  return kWords.at(static_cast<std::size_t>(state));
}

// Only known facts: an empty text says nothing.
void add(FactMap& facts, std::string key, std::string_view text) {
  if (!text.empty()) facts.emplace(std::move(key), printable(text));
}

void add_device(FactMap& facts, const Device& device) {
  add(facts, "device", device.node);
  add(facts, "vendor", device.vendor);
  add(facts, "model", device.model);
  add(facts, "serial", device.serial);
  add(facts, "bus", device.bus);
  add(facts, "port", device.port);
  add(facts, "backing-file", device.backing_file);
  add(facts, "seat", device.seat);
  add(facts, "size", fmt::format("{} bytes", device.size));
  add(facts, "removable", yes_or_no(device.removable));
  add(facts, "write-protected", yes_or_no(device.read_only));
  add(facts, "has-partitions", yes_or_no(device.has_partitions));
  if (device.left_to_udisks) add(facts, "mounted-by", "udisks");
  add(facts, "ignored-by-udev", yes_or_no(device.ignored));
  add(facts, "system", device.system_reason);
  add(facts, "used-by", fmt::format("{}", fmt::join(device.users, ", ")));
}

void add_probe(FactMap& facts, const ProbeRecord& probe) {
  add(facts, "usage", to_word(probe.usage));
  add(facts, "type", probe.type);
  add(facts, "version", probe.version);
  add(facts, "label", probe.label);
  add(facts, "uuid", probe.uuid);
  add(facts, "condition", to_word(probe.state));
  add(facts, "ambivalent", yes_or_no(probe.ambivalent));
  if (probe.filesystem_size > 0)
    add(facts, "filesystem-size", fmt::format("{} bytes", probe.filesystem_size));
}

void add_people(FactMap& facts, const SessionFacts& session, const RequestFacts& request) {
  add(facts, "session", !session.active ? "none" : session.locked ? "locked" : "active");
  if (session.active) add(facts, "session-user", session.user_name);
  add(facts, "asked-by",
      request.automatic ? "nobody: automatic"
      : request.caller  ? fmt::format("user {}", request.caller->user)
                        : "somebody unknown");
  add(facts, "asked-options", fmt::format("{}", fmt::join(request.options, ",")));
  add(facts, "asked-type", request.type.value_or(""));
}

FactMap describe(const Facts& facts) {
  FactMap described;
  add(described, "kind", kind_of(facts));
  if (facts.device) add_device(described, *facts.device);
  if (!facts.device) add(described, "image", facts.image_name);
  add(described, "probed", yes_or_no(facts.probe.has_value()));
  if (facts.probe) add_probe(described, *facts.probe);
  add_people(described, facts.session, facts.request);
  add(described, "fuseblk", yes_or_no(facts.kernel_has_fuseblk));
  return described;
}

template <typename T>
void say(std::vector<std::string>& said, std::string_view key, const std::optional<T>& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (value) said.push_back(fmt::format("{} = {}", key, *value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value) said.push_back(fmt::format("{} = {}", key, quote(*value)));
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    if (value) said.push_back(fmt::format("{} = [{}]", key, fmt::join(*value, ", ")));
  } else {
    if (value) said.push_back(fmt::format("{} = \"{}\"", key, airlock::to_word(*value)));
  }
}

std::string what_it_says(const Rule& rule) {
  std::vector<std::string> said;
  each_rule_setting([&](std::string_view key, auto member) { say(said, key, member(rule)); });
  return fmt::format("{}", fmt::join(said, ", "));
}

std::string try_rule(const Rule& rule, const Facts& facts) {
  if (const auto why = why_no_match(rule.match, facts))
    return fmt::format("{}: does not match: {}", rule.origin.text(), *why);
  return fmt::format("{}: matches: {}", rule.origin.text(), what_it_says(rule));
}

TextMap describe_plan(const MountDecision& plan) {
  std::string options = plan.allow_exec ? "nosuid,nodev" : "nosuid,nodev,noexec";
  if (plan.allow_other) options += ",allow_other";
  for (const std::string& option : plan.driver_options) options += "," + option;
  TextMap described{{"type", printable(plan.subtype)},
                    {"driver", plan.driver},
                    {"user", printable(plan.user_name)},
                    {"access", plan.read_only ? "read-only" : "read-write"},
                    {"options", options},
                    {"folder", printable(plan.folder_name)}};
  if (plan.check != CheckFirst::kNo)
    described.emplace("check",
                      plan.check == CheckFirst::kFull ? "everything" : "what is not clean");
  if (!plan.actions.empty())
    described.emplace("actions", fmt::format("{}", fmt::join(plan.actions, " ")));
  return described;
}

}  // namespace

std::string printable(std::string_view text) {
  const std::string quoted = quote(text);
  const std::size_t end = quoted.rfind('"');
  return quoted.substr(1, end - 1) + quoted.substr(end + 1);
}

std::string_view to_word(const Decision& decision) {
  struct Words {
    std::string_view operator()(const IgnoreDecision&) const { return "ignore"; }
    std::string_view operator()(const WaitDecision&) const { return "wait"; }
    std::string_view operator()(const OnDemandDecision& leave) const {
      return leave.ask ? "ask" : "leave";
    }
    std::string_view operator()(const RefuseDecision&) const { return "refuse"; }
    std::string_view operator()(const MountDecision&) const { return "mount"; }
  };
  return std::visit(Words{}, decision.what);
}

Explanation explain(const Settings& settings, const Facts& facts,
                    std::span<const DriverRow> drivers) {
  Explanation explanation{.decision = decide(settings, facts, drivers), .facts = describe(facts)};
  for (const Rule& rule : settings.rules) explanation.rules.push_back(try_rule(rule, facts));
  return explanation;
}

PropertyMap to_properties(const Explanation& explanation) {
  const Decision& decision = explanation.decision;
  PropertyMap properties{{"decision", std::string(to_word(decision))},
                         {"reason", decision.reason},
                         {"rule", decision.rule},
                         {"facts", TextMap(explanation.facts.begin(), explanation.facts.end())},
                         {"rules", explanation.rules}};
  if (const auto* plan = std::get_if<MountDecision>(&decision.what))
    properties.emplace("plan", describe_plan(*plan));
  return properties;
}

}  // namespace airlock
