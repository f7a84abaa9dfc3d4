// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/systemd_services.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "daemon/bus/bus_peer.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr auto kService = "org.freedesktop.systemd1";
constexpr auto kUnit = "org.freedesktop.systemd1.Unit";
constexpr auto kServiceUnit = "org.freedesktop.systemd1.Service";
constexpr auto kProperties = "org.freedesktop.DBus.Properties";
constexpr std::chrono::seconds kAnswerTime{10};

using Properties = std::map<std::string, sdbus::Variant>;

class KeptUnit final : public ServiceManager::Service {
 public:
  KeptUnit(std::unique_ptr<sdbus::IProxy> proxy, std::string unit, pid_t main_process)
      : proxy_(std::move(proxy)), unit_(std::move(unit)), main_process_(main_process) {
    attempt("keep a unit", [this] {
      proxy_->callMethodAsync("Ref")
          .onInterface(kUnit)
          .withTimeout(kAnswerTime)
          .uponReplyInvoke([unit = unit_](bus_peer::ReplyError error) {
            if (!error) return;
            const std::string why = error->getMessage();
            log(LogLevel::kWarning, "systemd cannot report how {} ends: {}", quote(unit),
                quote(why));
          });
    });
  }
  KeptUnit(const KeptUnit&) = delete;
  KeptUnit& operator=(const KeptUnit&) = delete;
  ~KeptUnit() override {
    attempt("release a unit",
            [this] { proxy_->callMethod("Unref").onInterface(kUnit).dontExpectReply(); });
  }

  void ask(std::move_only_function<void(const ServiceAnswer&)> answer) override {
    answer_ = std::move(answer);
    const bool asked = attempt("ask about a unit", [this] {
      proxy_->callMethodAsync("GetAll")
          .onInterface(kProperties)
          .withTimeout(kAnswerTime)
          .withArguments(std::string(kServiceUnit))
          .uponReplyInvoke([this](bus_peer::ReplyError error, const Properties& properties) {
            tell(error ? ServiceAnswer{} : service_answer(properties, main_process_));
          });
    });
    if (!asked) tell({});
  }

 private:
  template <typename Function>
  static bool attempt(std::string_view what, Function function) {
    const auto done = bus_peer::catch_errors(what, function);
    if (!done) log(LogLevel::kWarning, "{}", done.error().message());
    return done.has_value();
  }
  void tell(const ServiceAnswer& told) {
    if (auto answer = std::exchange(answer_, {})) answer(told);
  }

  std::unique_ptr<sdbus::IProxy> proxy_;
  std::string unit_;
  pid_t main_process_;
  std::move_only_function<void(const ServiceAnswer&)> answer_;
};

bool is_plain(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9');
}

}  // namespace

std::string systemd_unit_path(std::string_view unit) {
  std::string path = "/org/freedesktop/systemd1/unit/";
  bool first = true;
  for (const char character : unit) {
    const bool leading_digit = std::exchange(first, false) && character >= '0' && character <= '9';
    if (is_plain(character) && !leading_digit)
      path += character;
    else
      path += fmt::format("_{:02x}", static_cast<unsigned char>(character));
  }
  return path;
}

ServiceAnswer service_answer(const Properties& properties, pid_t main_process) {
  using bus_peer::property;
  const auto pid = property<std::uint32_t>(properties, "ExecMainPID");
  const auto code = property<std::int32_t>(properties, "ExecMainCode");
  const auto status = property<std::int32_t>(properties, "ExecMainStatus");
  if (main_process <= 0 || pid != static_cast<std::uint32_t>(main_process) || !code || !status)
    return {};
  ServiceAnswer answer{.known = true, .ended = {}, .out_of_memory = false};
  if (*code == 0) return answer;
  answer.ended.emplace();
  answer.ended->si_code = *code;
  answer.ended->si_status = *status;
  answer.out_of_memory = property<std::string>(properties, "Result") == "oom-kill";
  return answer;
}

std::unique_ptr<ServiceManager::Service> SystemdServices::keep(const std::string& unit,
                                                               pid_t main_process) {
  auto proxy = bus_peer::make_proxy(connection_, kService, systemd_unit_path(unit));
  if (!proxy) {
    log(LogLevel::kWarning, "{}", proxy.error().message());
    return nullptr;
  }
  return std::make_unique<KeptUnit>(*std::move(proxy), unit, main_process);
}

}  // namespace airlock
