// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "daemon/policy/effective.h"
#include "daemon/policy/mount_plan.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using Answer = std::optional<Decision>;

// Everything that a step of the decision may depend on.
struct Question {
  const Settings& settings;
  const Facts& facts;
  std::span<const DriverRow> drivers;
  EffectiveSettings effective;

  [[nodiscard]] bool automatic() const { return facts.request.automatic; }
  [[nodiscard]] const ProbeRecord& probe() const { return *facts.probe; }
};

Decision ignore(std::string reason, const Origin& origin = {}) {
  return {.what = IgnoreDecision{}, .reason = std::move(reason), .rule = origin.text()};
}

Decision leave(std::string reason, const Origin& origin = {}) {
  return {.what = OnDemandDecision{}, .reason = std::move(reason), .rule = origin.text()};
}

// Gives a caller the same reason as a person who looks at the list of volumes.
Decision ignore_or_refuse(const Question& question, Errc code, std::string reason,
                          const Origin& origin = {}) {
  return question.automatic() ? ignore(std::move(reason), origin)
                              : refuse(code, std::move(reason), origin);
}

Decision leave_or_refuse(const Question& question, Errc code, std::string reason,
                         const Origin& origin = {}) {
  return question.automatic() ? leave(std::move(reason), origin)
                              : refuse(code, std::move(reason), origin);
}

Answer check_request(const Question& question) {
  const RequestFacts& request = question.facts.request;
  if (!request.automatic && !request.caller)
    return refuse(Errc::kNotPermitted, "the caller is unknown");
  if (question.facts.device || request.automatic) return {};
  if (request.caller->user != 0 && question.facts.image_owner != request.caller->user)
    return refuse(Errc::kNotPermitted, "somebody else opened this image");
  return {};
}

Answer check_device(const Question& question) {
  if (!question.facts.device) return {};
  const Device& device = *question.facts.device;
  if (question.effective.ignore.value)
    return ignore_or_refuse(question, Errc::kNotPermitted, "a rule says to ignore it",
                            question.effective.ignore.origin);
  if (device.size == 0)
    return ignore_or_refuse(question, Errc::kNotFound, "there is no medium in it");
  if (device.has_partitions)
    return ignore_or_refuse(question, Errc::kWrongFormat,
                            "it has partitions, which are mounted one by one");
  if (!device.users.empty())
    return ignore_or_refuse(question, Errc::kBusy,
                            fmt::format("it is in use: {}", fmt::join(device.users, ", ")));
  return {};
}

Answer check_image(const Question& question) {
  if (question.facts.device) return {};
  if (question.effective.ignore.value)
    return ignore_or_refuse(question, Errc::kNotPermitted, "a rule says to ignore it",
                            question.effective.ignore.origin);
  if (question.automatic()) return leave("images are mounted only when somebody asks");
  return {};
}

// Never touched unless a caller with the right to do so asks for it.
Answer check_system(const Question& question) {
  if (!question.facts.device || !question.automatic()) return {};
  const Device& device = *question.facts.device;
  if (device.ignored) return ignore("udev says to ignore it");
  if (!device.system_reason.empty())
    return ignore(fmt::format("it belongs to the system: {}", device.system_reason));
  if (!question.effective.removable.value)
    return leave("it is not removable", question.effective.removable.origin);
  return {};
}

Answer check_session(const Question& question) {
  if (!question.automatic()) return {};
  const SessionFacts& session = question.facts.session;
  if (!session.active)
    return Decision{.what = WaitDecision{}, .reason = "nobody is logged in at its seat"};
  if (session.locked) return Decision{.what = WaitDecision{}, .reason = "the session is locked"};
  return {};
}

Answer check_probed(const Question& question) {
  if (question.facts.probe) return {};
  return leave("it has not been examined yet");
}

Answer check_usage(const Question& question) {
  const ProbeRecord& probe = question.probe();
  if (probe.ambivalent)
    return refuse(Errc::kCorrupted, "it is ambiguous: several formats detected");
  switch (probe.usage) {
    case ProbeUsage::kFilesystem:
      return {};
    case ProbeUsage::kNothing:
      return leave_or_refuse(question, Errc::kWrongFormat, "there is no filesystem on it");
    case ProbeUsage::kPartitionTable:
      return ignore_or_refuse(question, Errc::kWrongFormat,
                              "it has partitions, which are mounted one by one");
    case ProbeUsage::kCrypto:
      return leave_or_refuse(question, Errc::kUnsupported,
                             fmt::format("it is encrypted ({}); unlock it with another tool first",
                                         quote(probe.type)));
    case ProbeUsage::kRaid:
      return leave_or_refuse(
          question, Errc::kWrongFormat,
          fmt::format("it is a member of a larger volume ({})", quote(probe.type)));
    case ProbeUsage::kOther:
      break;
  }
  return leave_or_refuse(question, Errc::kWrongFormat,
                         fmt::format("it holds {}, which is not a filesystem", quote(probe.type)));
}

bool is_enabled(const Question& question, const DriverRow& row) {
  const auto& disabled = question.settings.disabled_drivers.value;
  return std::ranges::find(disabled, row.name) == disabled.end();
}

// The driver that a rule names, else the first for the type that is not disabled.
const DriverRow* choose_driver(const Question& question) {
  const std::string& named = question.effective.driver.value;
  const auto fits = [&](const DriverRow& row) {
    return row.serves(question.probe().type) && (named.empty() || row.name == named);
  };
  const DriverRow* disabled = nullptr;
  for (const DriverRow& row : question.drivers) {
    if (!fits(row)) continue;
    if (is_enabled(question, row)) return &row;
    if (disabled == nullptr) disabled = &row;
  }
  return disabled;
}

// No driver of ours can have it. Others may mount it without one, unless the settings refuse that.
Answer leave_to_others(const Question& question, const std::string& reason,
                       const Origin& origin = {}) {
  const Settings& settings = question.settings;
  const bool removable = question.facts.device && question.effective.removable.value;
  if (settings.uncontained.value != Uncontained::kRefuse || !removable)
    return leave_or_refuse(question, Errc::kUnsupported, reason, origin);
  if (settings.mending)
    return refuse(Errc::kUnsupported,
                  reason + "; nobody may mount it until the error in the settings is fixed");
  return refuse(Errc::kUnsupported, reason + "; uncontained = \"refuse\" keeps others from it",
                settings.uncontained.origin);
}

Answer check_driver(const Question& question) {
  const std::string type = quote(question.probe().type);
  const DriverRow* driver = choose_driver(question);
  const Setting<std::string>& named = question.effective.driver;
  if (driver == nullptr && !named.value.empty())
    return leave_to_others(
        question,
        fmt::format("the driver {} that its rule names does not serve {}", named.value, type),
        named.origin);
  if (driver == nullptr)
    return leave_to_others(question, fmt::format("there is no driver for {}", type));
  if (!is_enabled(question, *driver))
    return leave_to_others(
        question,
        fmt::format("the driver {} for {} is disabled in the settings", driver->name, type),
        question.settings.disabled_drivers.origin);
  // Without its program, udisks and the kernel mount the medium, as they do without Airlock.
  if (driver->is_adapted() && !question.facts.missing_program.empty())
    return leave_to_others(question, question.facts.missing_program);
  return {};
}

Answer check_type(const Question& question) {
  const auto& wanted = question.facts.request.type;
  if (!wanted || wanted->empty() || *wanted == "auto") return {};
  if (*wanted == question.probe().type || *wanted == choose_driver(question)->name) return {};
  return refuse(Errc::kWrongFormat,
                fmt::format("it holds {}, not {}", quote(question.probe().type), quote(*wanted)));
}

// The desktop has an agent that mounts everything udisks shows, with our drivers. Two would get in
// each other's way, so we mount only if somebody explicitly configured us to.
Answer check_desktop(const Question& question) {
  const Setting<Automount>& automount = question.effective.automount;
  const bool left = question.facts.device && question.facts.device->left_to_udisks;
  if (!question.automatic() || !left || !question.effective.automount_reason.empty()) return {};
  if (!automount.origin.built_in() || question.settings.switched) return {};
  return leave("the desktop mounts it through udisks, with the driver of Airlock");
}

bool kernel_would_write(const Question& question, const DriverRow& driver) {
  if (driver.can("write") || !(driver.is_adapted() || driver.can("kernel-writes"))) return false;
  const auto& device = question.facts.device;
  return device && !device->read_only && device->kind != DeviceKind::kOptical;
}

// The kernel can write many media that a driver only reads. So they stay with the desktop's udisks:
// a disk must not become read-only because somebody installed Airlock, but may because somebody
// wants no uncontained mount.
Answer check_only_read(const Question& question) {
  if (!question.automatic()) return {};
  if (question.settings.uncontained.value == Uncontained::kRefuse) return {};
  const DriverRow& driver = *choose_driver(question);
  if (!kernel_would_write(question, driver)) return {};
  if (!question.effective.automount.origin.built_in()) return {};
  return leave(
      fmt::format("{} can only read it, so it is mounted when somebody asks", driver.name));
}

Answer check_automount(const Question& question) {
  if (!question.automatic()) return {};
  const Setting<Automount>& automount = question.effective.automount;
  if (automount.value == Automount::kOn) return {};
  const std::string& switched = question.effective.automount_reason;
  const bool ask = automount.value == Automount::kAsk;
  return Decision{.what = OnDemandDecision{.ask = ask},
                  .reason = !switched.empty() ? switched
                            : ask             ? "automount is to ask first"
                                              : "automount is off",
                  .rule = automount.origin.text()};
}

// The most telling line about why it is mounted like this.
const Origin& decisive_origin(const Question& question, const MountDecision& plan) {
  if (question.automatic()) return question.effective.automount.origin;
  static const Origin kBuiltIn;
  const bool by_setting = plan.read_only && question.effective.read_only.value;
  return by_setting ? question.effective.read_only.origin : kBuiltIn;
}

Decision mount(const Question& question) {
  auto plan = plan_mount(question.effective, question.facts, *choose_driver(question));
  if (!plan) return std::move(plan).error();
  std::string reason = question.automatic() ? "automount is on" : "it was asked for";
  if (!plan->read_only_reason.empty())
    reason += fmt::format("; read-only: {}", plan->read_only_reason);
  std::string rule = decisive_origin(question, *plan).text();
  return {.what = std::move(*plan), .reason = std::move(reason), .rule = std::move(rule)};
}

// In this order: who asks, what must not be touched at all, when, what is on the medium, whether it
// is wanted. The first check with an answer decides.
constexpr auto kChecks = std::to_array(
    {check_request, check_device, check_image, check_system, check_session, check_probed,
     check_usage, check_driver, check_type, check_desktop, check_only_read, check_automount});

}  // namespace

Decision decide(const Settings& settings, const Facts& facts, std::span<const DriverRow> drivers) {
  const Question question{.settings = settings,
                          .facts = facts,
                          .drivers = drivers,
                          .effective = effective_settings(settings, facts)};
  for (const auto check : kChecks)
    if (auto answer = check(question)) return std::move(*answer);
  return mount(question);
}

}  // namespace airlock
