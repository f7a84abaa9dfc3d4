// SPDX-License-Identifier: GPL-2.0-or-later
// Arbitrary settings files. Accepted settings must be usable: this makes a decision with them,
// about a medium with texts from the same input.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "daemon/policy/explain.h"
#include "daemon/policy/folder_name.h"
#include "daemon/policy/settings_parse.h"
#include "daemon/policy/settings_report.h"

namespace {

using namespace airlock;

void require(bool promise) {
  if (!promise) std::abort();
}

void check_error(const Error& error) {
  const std::string message = error.message();
  require(message.starts_with("fuzz.toml:"));
  require(message.size() < 8192);
  for (const char letter : message) require(static_cast<unsigned char>(letter) >= 0x20);
}

Facts facts_from(const std::string& text) {
  Facts facts;
  facts.device = Device{.node = "/dev/sdz1",
                        .vendor = text.substr(0, 16),
                        .bus = "usb",
                        .size = 1u << 30,
                        .removable = true};
  facts.probe =
      ProbeRecord{.type = "ext4", .label = text.substr(0, 512), .usage = ProbeUsage::kFilesystem};
  facts.session = {.user = 1000, .group = 1000, .user_name = "alice", .active = true};
  facts.request.automatic = true;
  return facts;
}

void check_explanation(const Explanation& explanation) {
  const auto* plan = std::get_if<MountDecision>(&explanation.decision.what);
  if (plan == nullptr) return;
  require(!plan->allow_exec);  // an automatic mount
  require(!plan->folder_name.empty() && plan->folder_name.size() <= kMostFolderBytes);
  require(plan->folder_name.front() != '.');
  require(plan->folder_name.find_first_of(std::string_view("/\0\n", 3)) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Settings settings;
  if (const auto parsed = parse_settings(text, "fuzz.toml", settings); !parsed) {
    check_error(parsed.error());
    settings = {};
  }
  (void)to_properties(settings);
  const Facts facts = facts_from(text);
  check_explanation(explain(settings, facts));
  require(safe_folder_name(safe_folder_name(text)) == safe_folder_name(text));
  return 0;
}
