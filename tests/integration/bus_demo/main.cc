// SPDX-License-Identifier: GPL-2.0-or-later
// Airlock's objects on a bus with a simulated service, for the tests. Lines on standard input
// control it, and it answers each with lines, of which the last says "ok".
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "daemon/bus/bus_publisher.h"
#include "daemon/bus/bus_source.h"
#include "daemon/handover/handover_desk.h"
#include "lib/base/log.h"
#include "tests/integration/bus_demo/fake_service.h"

namespace airlock {
namespace {

constexpr int kBusGone = 3;

void say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

// A type and a value in the form the tests write: "s word", "x 6869", "b 1", "u 7", "t 7", "d 0.5",
// "death 9".
PropertyValue read_value(std::istream& words) {
  std::string type;
  std::string value;
  words >> type >> value;
  if (type == "x") return from_hex(value);
  if (type == "b") return value == "1";
  if (type == "u") return static_cast<std::uint32_t>(std::stoul(value));
  if (type == "t") return std::uint64_t{std::stoull(value)};
  if (type == "d") return std::stod(value);
  if (type == "death")
    return std::map<std::string, std::variant<std::string, std::int64_t, bool>>{
        {"kind", std::string("signal")}, {"signal", std::stol(value)}, {"coredump", true}};
  return value;
}

class Demo {
 public:
  Demo(EventLoop& loop, BusPublisher& publisher, HandoverDesk& handovers)
      : loop_(loop), publisher_(publisher), service_(publisher, handovers) {}

  FakeService& service() { return service_; }

  void read_commands() {
    std::array<char, 4096> bytes{};
    const auto length = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (length <= 0) return loop_.stop(0);
    input_.append(bytes.data(), static_cast<std::size_t>(length));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      std::istringstream words(input_.substr(0, end));
      input_.erase(0, end + 1);
      obey(words);
      say("ok");
    }
  }

 private:
  void obey(std::istream& words) {
    std::string verb;
    std::string id;
    words >> verb >> id;
    if (verb == "add") service_.add_volume(id);
    if (verb == "remove") service_.remove_volume(id);
    if (verb == "unmounts") unmounts(id, words);
    if (verb == "hold") service_.hold(id);
    if (verb == "release") service_.release();
    if (verb == "lose") service_.lose();
    if (verb == "fail") service_.fail_next(kAllErrcs.at(std::stoul(id)), "fail as told");
    if (verb == "addjob") publisher_.add_job(id, {{"Volume", std::string("sdb1")}});
    if (verb == "removejob") publisher_.remove_job(id);
    if (verb == "set" || verb == "setjob" || verb == "manager") set(verb, id, words);
    if (verb == "burst") burst(id);
    if (verb == "calls")
      for (const std::string& line : service_.take_calls()) say("call " + line);
  }

  void set(const std::string& verb, const std::string& id, std::istream& words) {
    std::string name;
    words >> name;
    const PropertyMap changed = {{name, read_value(words)}};
    if (verb == "set") publisher_.change_volume(id, changed);
    if (verb == "setjob") publisher_.change_job(id, changed);
    if (verb == "manager") publisher_.set_manager(changed);
  }

  // The result of all unmounts from now on: a word and a sentence.
  void unmounts(const std::string& outcome, std::istream& words) {
    std::string summary;
    std::getline(words >> std::ws, summary);
    service_.end_unmounts_with(outcome, summary);
  }

  void burst(const std::string& id) {
    for (std::uint64_t size = 1; size <= 100; ++size) {
      publisher_.change_volume(id, {{"Size", size}});
      publisher_.change_volume(id, {{"Label", fmt::format("label {}", size)}});
    }
  }

  EventLoop& loop_;
  BusPublisher& publisher_;
  FakeService service_;
  std::string input_;
};

Result<int> run(const std::string& folder) {
  TRY(auto loop, EventLoop::create());
  TRY(auto bus, BusSource::open(loop, [&](Error error) {
        say("gone: " + error.message());
        loop.stop(kBusGone);
      }));
  TRY(auto publisher, BusPublisher::create(loop, *bus));
  TRY(auto handovers, HandoverDesk::open(loop, {.directory = folder + "/handover"}));
  Demo demo(loop, *publisher, *handovers);
  publisher->serve(demo.service());
  publisher->set_manager({{"Version", std::string("0.2")}});
  TRY(auto input,
      loop.watch(BorrowedFd(STDIN_FILENO), EPOLLIN, [&](std::uint32_t) { demo.read_commands(); }));
  bus->acquire_name("org.airlock1", [&](Result<void> taken) {
    say(taken ? "ready" : "no name: " + taken.error().message());
    if (!taken) loop.stop(EXIT_FAILURE);
  });
  return loop.run();
}

}  // namespace
}  // namespace airlock

// bus_demo FOLDER
int main(int argc, char** argv) {
  if (argc != 2) return EXIT_FAILURE;
  airlock::log_open("bus_demo", airlock::LogLevel::kDebug);
  const auto exit_code = airlock::run(argv[1]);
  if (exit_code) return *exit_code;
  airlock::log(airlock::LogLevel::kError, "{}", exit_code.error().message());
  return EXIT_FAILURE;
}
