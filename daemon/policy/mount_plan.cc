// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/mount_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>

#include "daemon/api/actions.h"
#include "daemon/policy/folder_name.h"
#include "daemon/policy/option_words.h"
#include "lib/base/text.h"
#include "lib/protocol/checkers.h"

namespace airlock {
namespace {

// Fills one MountDecision step by step. Every step either narrows it or adds a permission that the
// caller needs; a request for more than a settings file allows ends in a refusal.
class Planner {
 public:
  Planner(const EffectiveSettings& settings, const Facts& facts, const DriverRow& driver)
      : settings_(settings), facts_(facts), driver_(driver) {}

  std::expected<MountDecision, Decision> plan() {
    auto wishes = understand_options(facts_.request.options);
    if (!wishes)
      return std::unexpected(refuse(wishes.error().code, wishes.error().message(), Origin{}));
    wishes_ = std::move(*wishes);
    plan_.subtype = facts_.probe->type;
    plan_.driver = driver_.name;
    plan_.fuseblk = facts_.device.has_value() && facts_.kernel_has_fuseblk && !wishes_.plain;
    plan_.folder_name =
        settings_.folder.value.empty() ? folder_name_for(facts_) : settings_.folder.value;
    plan_.heal = settings_.heal.value == Heal::kOn;
    choose_place_action();
    for (const auto step : {&Planner::choose_user, &Planner::choose_access, &Planner::choose_check,
                            &Planner::choose_exec, &Planner::choose_others,
                            &Planner::choose_driver_options, &Planner::choose_foreign_options})
      if (auto refusal = (this->*step)()) return std::unexpected(std::move(*refusal));
    return std::move(plan_);
  }

 private:
  using Refusal = std::optional<Decision>;

  // The one action that every caller needs.
  void choose_place_action() {
    if (facts_.request.automatic) return;
    plan_.actions.emplace_back(place_action());
  }

  [[nodiscard]] std::string_view place_action() const {
    if (!facts_.device) return actions::kMountImage;
    const Device& device = *facts_.device;
    if (!settings_.removable.value || device.ignored || !device.system_reason.empty())
      return actions::kMountSystem;
    const CallerFacts& caller = *facts_.request.caller;
    return caller.in_active_session && caller.seat == device.seat ? actions::kMountRemovable
                                                                  : actions::kMountOtherSeat;
  }

  void need_options_action() {
    if (std::ranges::find(plan_.actions, actions::kMountOptions) == plan_.actions.end())
      plan_.actions.emplace_back(actions::kMountOptions);
  }

  Refusal choose_user() {
    const SessionFacts& session = facts_.session;
    plan_.user = session.user;
    plan_.group = session.group;
    plan_.user_name = session.user_name;
    Refusal refusal;
    if (!facts_.request.automatic) refusal = choose_caller(*facts_.request.caller);
    // The name becomes a folder. A number is never another user's name.
    if (plan_.user_name.empty() || safe_folder_name(plan_.user_name) != plan_.user_name)
      plan_.user_name = fmt::format("{}", plan_.user);
    return refusal;
  }

  Refusal choose_caller(const CallerFacts& caller) {
    const uid_t user = wishes_.user.value_or(caller.user);
    const gid_t group = wishes_.group.value_or(caller.group);
    if (caller.user != 0 && user != caller.user)
      return refuse(Errc::kNotPermitted, "option uid is only for root", Origin{});
    if (caller.user != 0 && group != caller.group)
      return refuse(Errc::kNotPermitted, "option gid is only for root", Origin{});
    plan_.user = user;
    plan_.group = group;
    if (user == caller.user)
      plan_.user_name = caller.name;
    else if (!facts_.session.active || user != facts_.session.user)
      plan_.user_name.clear();
    return {};
  }

  // Properties of the medium itself that make writing impossible or unwise.
  [[nodiscard]] std::string read_only_by_nature() const {
    if (facts_.probe->state == MediumState::kHibernated)
      return "it holds a hibernated system, which writing would destroy";
    if (facts_.probe->state == MediumState::kErrors)
      return "the filesystem has errors; check it before writing";
    if (facts_.device && facts_.device->read_only) return "the medium is write-protected";
    if (!driver_.can("write")) return fmt::format("the driver {} can only read", driver_.name);
    return {};
  }

  Refusal choose_access() {
    if (settings_.read_only.value && wishes_.read_only == false)
      return refuse(Errc::kNotPermitted,
                    fmt::format("it may only be mounted read-only: {} says so",
                                settings_.read_only.origin.text()),
                    settings_.read_only.origin);
    plan_.read_only_reason = read_only_by_nature();
    if (plan_.read_only_reason.empty() && settings_.read_only.value)
      plan_.read_only_reason = settings_.read_only.origin.text() + " says so";
    plan_.read_only = wishes_.read_only.value_or(false) || !plan_.read_only_reason.empty();
    if (wishes_.read_only == true) plan_.read_only_reason.clear();
    return {};
  }

  // The marks on the medium decide first: a cleanly unmounted medium is not kept waiting.
  Refusal choose_check() {
    if (plan_.read_only || find_checker(plan_.subtype) == nullptr) return {};
    const bool dirty = facts_.probe->state == MediumState::kDirty;
    if (settings_.check.value == CheckWhen::kAlways)
      plan_.check = CheckFirst::kFull;
    else if (settings_.check.value == CheckWhen::kWhenDirty && dirty)
      plan_.check = CheckFirst::kGlance;
    return {};
  }

  // Whether the caller gets something that a default or a line of the settings withholds.
  Refusal choose_widening(std::string_view option, const Setting<bool>& setting,
                          std::optional<bool> wish, bool& chosen) {
    chosen = wish.value_or(setting.value);
    if (!chosen || setting.value) return {};
    if (!setting.origin.built_in())
      return refuse(
          Errc::kNotPermitted,
          fmt::format("option {} is not allowed: {} says so", option, setting.origin.text()),
          setting.origin);
    need_options_action();
    return {};
  }

  Refusal choose_exec() {
    if (facts_.request.automatic) return {};  // even if the settings allow it
    return choose_widening("exec", settings_.exec, wishes_.exec, plan_.allow_exec);
  }

  Refusal choose_others() {
    return choose_widening("allow_other", settings_.allow_other, wishes_.allow_other,
                           plan_.allow_other);
  }

  Refusal choose_driver_options() {
    std::set<std::string> options;
    for (const std::string& option : settings_.options.value)
      if (!apply_foreign_option(option, foreign_).value_or(false)) options.insert(option);
    if (options.contains("nosymfollow") && wishes_.follow_symlinks == true)
      return refuse(Errc::kNotPermitted,
                    fmt::format("option symfollow is not allowed: {} says so",
                                settings_.options.origin.text()),
                    settings_.options.origin);
    if (wishes_.follow_symlinks == false) options.insert("nosymfollow");
    for (const std::string& option : wishes_.untuned) options.erase(option);
    options.insert(wishes_.tuned.begin(), wishes_.tuned.end());
    if (wishes_.sync.value_or(settings_.sync.value)) options.insert("sync");
    if (wishes_.owner.value_or(settings_.owner.value) == FileOwner::kMedia)
      options.insert("owner=media");
    plan_.driver_options.assign(options.begin(), options.end());
    return {};
  }

  // Settings are for all media, so a driver is not told what it does not know. A caller is told.
  Refusal choose_foreign_options() {
    if (!driver_.can("foreign")) {
      if (wishes_.foreign == ForeignOptions{}) return {};
      return refuse(Errc::kUnsupported,
                    fmt::format("option {} is for FAT and exFAT, this is {}",
                                wishes_.foreign.words().front(), facts_.probe->type),
                    Origin{});
    }
    if (!foreign_.fill_from(wishes_.foreign))
      return refuse(
          Errc::kNotPermitted,
          fmt::format("the options are {}: {} says so", fmt::join(settings_.options.value, ","),
                      settings_.options.origin.text()),
          settings_.options.origin);
    if (!foreign_.zone_minutes && facts_.zone_minutes != 0)
      foreign_.zone_minutes = facts_.zone_minutes;
    std::ranges::move(foreign_.words(), std::back_inserter(plan_.driver_options));
    return {};
  }

  const EffectiveSettings& settings_;
  const Facts& facts_;
  const DriverRow& driver_;
  OptionWishes wishes_;
  ForeignOptions foreign_;
  MountDecision plan_;
};

}  // namespace

std::expected<MountDecision, Decision> plan_mount(const EffectiveSettings& settings,
                                                  const Facts& facts, const DriverRow& driver) {
  return Planner(settings, facts, driver).plan();
}

Decision refuse(Errc code, std::string reason, const Origin& origin) {
  return {.what = RefuseDecision{code}, .reason = std::move(reason), .rule = origin.text()};
}

}  // namespace airlock
