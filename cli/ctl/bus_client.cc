// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/bus_client.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace airlock::ctl {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr const char* kBus = "org.freedesktop.DBus";
// Deeper than any message of airlockd.
constexpr int kDeepest = 16;

struct MessageUnref {
  void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

std::unexpected<Error> bus_failure(int answer, const char* what) {
  return fail_errno(-answer, Errc::kSystem, "{}", what);
}

// Reading: any message into Values.

int read_value(sd_bus_message* message, Value& into, int depth);

int read_items(sd_bus_message* message, Value::List& into, int depth) {
  for (;;) {
    const int end = sd_bus_message_at_end(message, 0);
    if (end != 0) return std::min(end, 0);
    Value item;
    if (const int answer = read_value(message, item, depth); answer < 0) return answer;
    into.push_back(std::move(item));
  }
}

// All keys of maps are text in this API (or object paths).
int read_map(sd_bus_message* message, const char* entry, Value::Map& into, int depth) {
  const std::string inner(entry + 1, std::strlen(entry) - 2);
  for (;;) {
    int answer = sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, inner.c_str());
    if (answer <= 0) return answer;
    Value key;
    Value value;
    if (answer = read_value(message, key, depth); answer < 0) return answer;
    if (answer = read_value(message, value, depth); answer < 0) return answer;
    into.insert_or_assign(key.text(), std::move(value));
    if (answer = sd_bus_message_exit_container(message); answer < 0) return answer;
  }
}

int read_container(sd_bus_message* message, char type, const char* contents, Value& into,
                   int depth) {
  if (depth > kDeepest) return -ELOOP;
  int answer = sd_bus_message_enter_container(message, type, contents);
  if (answer < 0) return answer;
  if (type == SD_BUS_TYPE_VARIANT) {
    answer = read_value(message, into, depth + 1);
  } else if (type == SD_BUS_TYPE_ARRAY && *contents == '{') {
    answer = read_map(message, contents, into.is.emplace<Value::Map>(), depth + 1);
  } else {
    answer = read_items(message, into.is.emplace<Value::List>(), depth + 1);
  }
  return answer < 0 ? answer : sd_bus_message_exit_container(message);
}

template <typename Wire, typename Ours>
int read_number(sd_bus_message* message, char type, Value& into) {
  Wire wire{};
  const int answer = sd_bus_message_read_basic(message, type, &wire);
  into.is = static_cast<Ours>(wire);
  return answer;
}

int read_value(sd_bus_message* message, Value& into, int depth) {
  char type = 0;
  const char* contents = nullptr;
  if (const int answer = sd_bus_message_peek_type(message, &type, &contents); answer <= 0)
    return answer == 0 ? -ENXIO : answer;
  switch (type) {
    case SD_BUS_TYPE_BOOLEAN:
      return read_number<int, bool>(message, type, into);
    case SD_BUS_TYPE_BYTE:
      return read_number<std::uint8_t, std::uint64_t>(message, type, into);
    case SD_BUS_TYPE_INT32:
      return read_number<std::int32_t, std::int64_t>(message, type, into);
    case SD_BUS_TYPE_UINT32:
      return read_number<std::uint32_t, std::uint64_t>(message, type, into);
    case SD_BUS_TYPE_INT64:
      return read_number<std::int64_t, std::int64_t>(message, type, into);
    case SD_BUS_TYPE_UINT64:
      return read_number<std::uint64_t, std::uint64_t>(message, type, into);
    case SD_BUS_TYPE_DOUBLE:
      return read_number<double, double>(message, type, into);
    case SD_BUS_TYPE_STRING:
    case SD_BUS_TYPE_OBJECT_PATH: {
      const char* text = nullptr;
      const int answer = sd_bus_message_read_basic(message, type, &text);
      into.is = std::string(text != nullptr ? text : "");
      return answer;
    }
    case SD_BUS_TYPE_VARIANT:
    case SD_BUS_TYPE_ARRAY:
    case SD_BUS_TYPE_STRUCT:
      return read_container(message, type, contents, into, depth);
    default:
      return sd_bus_message_skip(message, nullptr);
  }
}

Result<Value::List> read_all(sd_bus_message* message) {
  Value::List arguments;
  if (const int answer = read_items(message, arguments, 0); answer < 0)
    return bus_failure(answer, "read what airlockd sent");
  return arguments;
}

// Writing.

int append_options(sd_bus_message* message, const CallOptions& options) {
  int answer = sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "{sv}");
  for (const auto& [key, value] : options) {
    if (answer < 0) return answer;
    if (const bool* truth = std::get_if<bool>(&value)) {
      answer = sd_bus_message_append(message, "{sv}", key.c_str(), "b", static_cast<int>(*truth));
    } else {
      answer = sd_bus_message_append(message, "{sv}", key.c_str(), "s",
                                     std::get<std::string>(value).c_str());
    }
  }
  return answer < 0 ? answer : sd_bus_message_close_container(message);
}

struct Appender {
  sd_bus_message* message;
  int operator()(const std::string& text) const {
    return sd_bus_message_append_basic(message, SD_BUS_TYPE_STRING, text.c_str());
  }
  int operator()(std::uint32_t number) const {
    return sd_bus_message_append_basic(message, SD_BUS_TYPE_UINT32, &number);
  }
  int operator()(std::uint64_t number) const {
    return sd_bus_message_append_basic(message, SD_BUS_TYPE_UINT64, &number);
  }
  int operator()(const CallOptions& options) const { return append_options(message, options); }
};

// A read-only call must not ask for a password: only calls that change something take options.
bool may_ask_somebody(const BusClient::Call& call) {
  return std::ranges::any_of(call.arguments, [](const Argument& argument) {
    const auto* options = std::get_if<CallOptions>(&argument);
    return options != nullptr && !options->contains("auth.no_user_interaction");
  });
}

Result<Message> make_call(sd_bus* bus, const BusClient::Call& call) {
  sd_bus_message* made = nullptr;
  int answer = sd_bus_message_new_method_call(bus, &made, call.service, call.path.c_str(),
                                              call.interface.c_str(), call.method.c_str());
  if (answer < 0) return bus_failure(answer, "make a message");
  Message message(made);
  (void)sd_bus_message_set_allow_interactive_authorization(made, may_ask_somebody(call) ? 1 : 0);
  for (const Argument& argument : call.arguments) {
    answer = std::visit(Appender{made}, argument);
    if (answer < 0) return bus_failure(answer, "fill a message");
  }
  return message;
}

// An error for an airlockd that did not answer: too slow, or ended meanwhile.
std::unexpected<Error> no_answer(bool in_time) {
  if (in_time) return fail(Errc::kPeerGone, "airlockd has ended without an answer");
  return fail(Errc::kTimedOut, "airlockd runs but gives no answer");
}

// An error from airlockd in the words of the API, or from the bus about airlockd.
std::unexpected<Error> answered_with(const sd_bus_error& error, bool in_time) {
  const std::string_view name = error.name != nullptr ? error.name : "";
  const std::string words = error.message != nullptr ? error.message : std::string(name);
  for (const Errc code : kAllErrcs)
    if (error_name(code) == name) return fail(code, "{}", words);
  if (name == SD_BUS_ERROR_SERVICE_UNKNOWN || name == SD_BUS_ERROR_NAME_HAS_NO_OWNER)
    return fail(Errc::kPeerGone, "airlockd does not run (try: systemctl start airlockd)");
  if (name.starts_with("org.freedesktop.DBus.Error.Spawn") ||
      name.starts_with("org.freedesktop.systemd1."))
    return fail(Errc::kPeerGone,
                "airlockd could not be started ({}); see: systemctl status airlockd", words);
  if (name == SD_BUS_ERROR_NO_REPLY || name == SD_BUS_ERROR_TIMEOUT) return no_answer(in_time);
  if (name == SD_BUS_ERROR_UNKNOWN_OBJECT)
    return fail(Errc::kNotFound, "it has been unplugged, or is gone for another reason");
  if (name == SD_BUS_ERROR_UNKNOWN_METHOD || name == SD_BUS_ERROR_UNKNOWN_INTERFACE)
    return fail(Errc::kUnsupported, "this airlockd cannot do that; is it older than airlockctl?");
  if (name == SD_BUS_ERROR_ACCESS_DENIED)
    return fail(Errc::kNotPermitted, "the bus does not let us talk to airlockd ({})", words);
  return fail(Errc::kSystem, "{} ({})", words, name);
}

int keep_answer(sd_bus_message* message, void* data, sd_bus_error* /*error*/) noexcept {
  static_cast<Message*>(data)->reset(sd_bus_message_ref(message));
  return 0;
}

std::string text_or_empty(const char* text) {
  return text != nullptr ? text : "";
}

std::unexpected<Error> connection_lost(int answer) {
  return fail_errno(-answer, Errc::kPeerGone, "the system bus has ended the connection");
}

}  // namespace

Result<BusClient> BusClient::connect() {
  sd_bus* bus = nullptr;
  if (const int answer = sd_bus_open_system(&bus); answer < 0)
    return fail_errno(-answer, Errc::kPeerGone,
                      "there is no system bus to reach airlockd by (does dbus run?)");
  return BusClient(bus);
}

Result<void> BusClient::wait(std::chrono::microseconds at_most) {
  int answer = sd_bus_process(bus_.get(), nullptr);
  if (answer == 0) answer = sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(at_most.count()));
  if (answer < 0 && answer != -EINTR) return connection_lost(answer);
  return {};
}

Result<Value::List> BusClient::call(const Call& call) {
  TRY(const auto message, make_call(bus_.get(), call));
  Message reply;
  sd_bus_slot* slot = nullptr;
  const auto deadline = std::chrono::microseconds(call.deadline).count();
  const int answer = sd_bus_call_async(bus_.get(), &slot, message.get(), keep_answer, &reply,
                                       static_cast<std::uint64_t>(deadline));
  if (answer < 0) return connection_lost(answer);
  const std::unique_ptr<sd_bus_slot, decltype(&sd_bus_slot_unref)> owned(slot, sd_bus_slot_unref);
  const auto begin = std::chrono::steady_clock::now();
  auto next_look = begin + 500ms;
  while (!reply) {
    TRY_VOID(wait(500ms));
    // The library waits longer for a bus that does not even send a greeting.
    if (std::chrono::steady_clock::now() - begin > call.deadline + 1s) return no_answer(false);
    if (!call.meanwhile || reply || std::chrono::steady_clock::now() < next_look) continue;
    call.meanwhile();
    next_look = std::chrono::steady_clock::now() + 500ms;
  }
  if (const sd_bus_error* error = sd_bus_message_get_error(reply.get()))
    return answered_with(*error, std::chrono::steady_clock::now() - begin < call.deadline);
  return read_all(reply.get());
}

// Any program may send signals, and for sd-bus every sender fits a match on a well-known name. So
// this remembers airlockd's unique name; the name of the bus itself cannot be forged.
int BusClient::keep_signal(sd_bus_message* message, void* data, sd_bus_error* /*error*/) noexcept {
  Inbox& inbox = *static_cast<Inbox*>(data);
  const std::string sender = text_or_empty(sd_bus_message_get_sender(message));
  const bool of_the_bus = sender == "org.freedesktop.DBus";
  if (!of_the_bus && (inbox.owner.empty() || sender != inbox.owner)) return 0;
  auto arguments = read_all(message);
  if (!arguments) {
    inbox.failure = std::move(arguments).error();
    return 0;
  }
  Signal signal = {.path = text_or_empty(sd_bus_message_get_path(message)),
                   .interface = text_or_empty(sd_bus_message_get_interface(message)),
                   .name = text_or_empty(sd_bus_message_get_member(message)),
                   .arguments = std::move(*arguments)};
  if (of_the_bus) {
    const bool about_airlockd = signal.name == "NameOwnerChanged" && signal.arguments.size() == 3 &&
                                signal.arguments[0].text() == kService;
    if (!about_airlockd) return 0;
    inbox.owner = signal.arguments[2].text();
  }
  inbox.signals.push_back(std::move(signal));
  return 0;
}

Result<void> BusClient::find_owner() {
  const auto answer = call({.service = kBus,
                            .path = "/org/freedesktop/DBus",
                            .interface = kBus,
                            .method = "GetNameOwner",
                            .arguments = {std::string(kService)},
                            .meanwhile = {}});
  if (answer && !answer->empty()) inbox_->owner = answer->front().text();
  if (!answer && answer.error().code != Errc::kPeerGone) return std::unexpected(answer.error());
  return {};
}

Result<void> BusClient::subscribe() {
  for (const char* rule : {"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                           "arg0='org.airlock1'",
                           "type='signal',sender='org.airlock1'"}) {
    const int answer = sd_bus_add_match(bus_.get(), nullptr, rule, keep_signal, inbox_.get());
    if (answer < 0) return bus_failure(answer, "ask the bus for signals");
  }
  return find_owner();
}

Result<BusClient::Signal> BusClient::next_signal() {
  while (inbox_->signals.empty()) {
    if (inbox_->failure) return std::unexpected(*std::exchange(inbox_->failure, std::nullopt));
    TRY_VOID(wait(std::chrono::microseconds::max()));
  }
  Signal next = std::move(inbox_->signals.front());
  inbox_->signals.pop_front();
  return next;
}

}  // namespace airlock::ctl
