// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/people/polkit_answer.h"

#include "lib/base/text.h"

namespace airlock {

PolkitSubject polkit_subject(const std::string& sender) {
  return PolkitSubject{"system-bus-name", {{"name", sdbus::Variant(sender)}}};
}

std::string clean_detail(const std::string& text) {
  std::string quoted = quote(text);
  return quoted == '"' + text + '"' ? text : quoted;
}

Result<void> polkit_decision(const Authority::Question& question, const PolkitResult& answer) {
  const auto& [authorized, challenge, details] =
      static_cast<const std::tuple<bool, bool, std::map<std::string, std::string>>&>(answer);
  if (authorized) return {};
  const auto dismissed = details.find("polkit.dismissed");
  if (dismissed != details.end() && !dismissed->second.empty())
    return fail(Errc::kNotPermitted, "{}: the password dialog was dismissed", question.action);
  if (!challenge) return fail(Errc::kNotPermitted, "{}: polkit says no", question.action);
  if (question.interaction == Interaction::kNotAllowed)
    return fail(Errc::kNotPermitted, "{}: a password is needed, and asking for one is not allowed",
                question.action);
  return fail(Errc::kNotPermitted, "{}: a password is needed, and nothing here can ask for it",
              question.action);
}

Result<void> polkit_failure(const Authority::Question& question, const sdbus::Error& error) {
  const std::string name = error.getName();
  const std::string text = error.getMessage();
  if (name == "org.freedesktop.PolicyKit1.Error.Cancelled")
    return fail(Errc::kNotPermitted, "{}: the question to polkit was cancelled", question.action);
  if (name == "org.freedesktop.DBus.Error.NoReply")
    return fail(Errc::kNotPermitted, "{}: polkit went away before it answered", question.action);
  return fail(Errc::kNotPermitted, "{}: polkit failed: {}", question.action, quote(text));
}

Result<void> decision_without_polkit(const Authority::Question& question, uid_t caller) {
  if (caller == 0) return {};
  return fail(Errc::kNotPermitted, "{}: polkit is missing, and without it only root may",
              question.action);
}

}  // namespace airlock
