// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/journal.h"

#include <array>
#include <vector>

#include "lib/base/journal.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// airlockd(8) lists them; they never change.
constexpr MessageId kDecided{"a556a790978345d4a1495af83904474e"};
constexpr MessageId kMounted{"801a5386cd5e4a41a1a2675e4b990f37"};
constexpr MessageId kMountFailed{"ebd62b721d3642e2b5c4a27bdc40723b"};
constexpr MessageId kUnmounted{"4416c5abf12f4f599eb6a8c37906cde7"};
constexpr MessageId kDied{"c30a0f8032bd4c718fbc083815db12f2"};
constexpr MessageId kHealed{"5e9c1a77d8d14f0c9a3b60e2f4c1d7ab"};
constexpr MessageId kGone{"72a454c8e59841a8bda96dff51db678b"};

constexpr MessageId kChecked{"5d0c1f6a2b9e4c7f8a3341d7e6b0952c"};

std::vector<LogField> fields_of(const Volume& volume) {
  std::vector<LogField> fields = {
      {"AIRLOCK_VOLUME", volume.id},
      {"AIRLOCK_DEVICE", volume.image ? std::string() : volume.source.path},
      {"AIRLOCK_STATE", std::string(state_name(volume.state))},
  };
  if (volume.device) {
    fields.push_back({"AIRLOCK_VENDOR", volume.device->vendor});
    fields.push_back({"AIRLOCK_MODEL", volume.device->model});
    fields.push_back({"AIRLOCK_SERIAL", volume.device->serial});
  }
  if (volume.probe) fields.push_back({"AIRLOCK_TYPE", volume.probe->type});
  if (volume.mount) {
    fields.push_back({"AIRLOCK_MOUNT_ID", std::to_string(volume.mount->mount_id)});
    fields.push_back({"AIRLOCK_DRIVER", volume.mount->driver});
    fields.push_back({"AIRLOCK_DRIVER_PID", std::to_string(volume.mount->driver_pid)});
    fields.push_back({"AIRLOCK_USER", std::to_string(volume.mounted_for)});
  }
  return fields;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : "\n") + line;
  return all;
}

}  // namespace

std::string_view decision_word(const Decision& decision) {
  constexpr std::array<std::string_view, 5> kWords = {"ignore", "wait", "leave", "refuse", "mount"};
  return kWords.at(decision.what.index());
}

void journal_decision(const Volume& volume, const Decision& decision) {
  auto fields = fields_of(volume);
  fields.push_back({"AIRLOCK_DECISION", std::string(decision_word(decision))});
  fields.push_back({"AIRLOCK_RULE", decision.rule});
  // A device that was there before us and stays is not news.
  const bool ignored = std::holds_alternative<IgnoreDecision>(decision.what);
  log_event(ignored ? LogLevel::kDebug : LogLevel::kInfo, kDecided,
            fmt::format("{}: decided to {}: {} ({})", volume.id, decision_word(decision),
                        decision.reason, decision.rule),
            fields);
}

void journal_mounted(const Volume& volume) {
  log_event(LogLevel::kInfo, kMounted,
            fmt::format("{}: mounted {} for user {} with {}", volume.id,
                        volume.mount->read_only ? "read-only" : "read-write", volume.mounted_for,
                        quote(volume.mount->driver)),
            fields_of(volume));
}

void journal_mount_failed(const Volume& volume, const Error& error) {
  auto fields = fields_of(volume);
  fields.push_back({"AIRLOCK_ERROR", std::string(error_name(error.code))});
  log_event(LogLevel::kWarning, kMountFailed,
            fmt::format("{}: mounting failed: {}", volume.id, error.message()), fields);
}

void journal_unmounted(const Volume& volume, std::string_view how) {
  log_event(LogLevel::kInfo, kUnmounted, fmt::format("{}: {}", volume.id, how), fields_of(volume));
}

void journal_death(const Volume& volume) {
  const DriverDeath& death = *volume.death;
  auto fields = fields_of(volume);
  fields.push_back({"AIRLOCK_DEATH", death.kind});
  fields.push_back({"AIRLOCK_CAUSE", death.cause});
  fields.push_back({"AIRLOCK_LAST_LINES", joined(death.last_lines)});
  fields.push_back({"AIRLOCK_COREDUMP", death.coredump});
  log_event(LogLevel::kError, kDied,
            fmt::format("{}: the driver {} {}", volume.id, quote(volume.dead_driver), death.cause),
            fields);
}

void journal_healed(const Volume& volume, std::chrono::milliseconds pause) {
  auto fields = fields_of(volume);
  fields.push_back({"AIRLOCK_CAUSE", volume.healings.cause});
  fields.push_back({"AIRLOCK_PAUSE_MS", fmt::format("{}", pause.count())});
  log_event(
      LogLevel::kWarning, kHealed,
      fmt::format("{}: the driver {} {}; another one went on after {} ms, and nothing was lost",
                  volume.id, quote(volume.mount->driver), volume.healings.cause, pause.count()),
      fields);
}

void journal_gone(const Volume& volume) {
  log_event(LogLevel::kWarning, kGone, fmt::format("{}: {}", volume.id, volume.state_reason),
            fields_of(volume));
}

void journal_checked(const Volume& volume, std::string_view operation,
                     const Result<CheckReply>& reply) {
  auto fields = fields_of(volume);
  if (reply) {
    fields.push_back({"AIRLOCK_VERDICT", std::string(verdict_name(reply->verdict))});
    fields.push_back({"AIRLOCK_CHECKER", reply->checker});
    fields.push_back({"AIRLOCK_CHECK_LOG", reply->log});
  }
  const std::string outcome =
      reply ? fmt::format("{} ({})", verdict_name(reply->verdict), quote(reply->summary))
            : reply.error().message();
  log_event(reply ? LogLevel::kInfo : LogLevel::kWarning, kChecked,
            fmt::format("{}: {}: {}", volume.id, operation, outcome), fields);
}

}  // namespace airlock
