// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/api/publisher.h"
#include "daemon/api/service.h"
#include "daemon/handover/handovers.h"

namespace airlock {

// A Service with volumes that are mounted and unmounted in memory only. It remembers every call,
// and holds its replies, loses them, or fails on request.
class FakeService final : public Service {
 public:
  FakeService(Publisher& publisher, Handovers& handovers)
      : publisher_(publisher), handovers_(handovers) {}

  void add_volume(const std::string& id);
  void remove_volume(const std::string& id);
  void hold(const std::string& method) { held_methods_.insert(method); }
  void release();                 // gives the held replies, and holds no more
  void lose() { held_.clear(); }  // destroys the held replies without an answer
  void fail_next(Errc code, std::string what) { failure_ = {code, {}, std::move(what), {}}; }
  void end_unmounts_with(const std::string& outcome, const std::string& summary) {
    unmount_end_ = {{"outcome", outcome}, {"summary", summary}};
  }
  std::vector<std::string> take_calls() { return std::exchange(calls_, {}); }

  void prepare_handover(Call call, Reply<std::string> socket) override;
  void open_image(Call call, std::string handover, std::string name,
                  Reply<std::string> volume) override;
  void adopt_mount(Call call, MountHandover mount, Reply<std::string> volume) override;
  void mount_at(Call call, MountThere wanted, Reply<std::string> volume) override;
  void find_volume(Call call, std::string device, Reply<std::string> volume) override;
  void explain(Call call, std::string device, Reply<PropertyMap> explanation) override;
  void list_drivers(Call call, Reply<std::vector<PropertyMap>> drivers) override;
  void set_automount(Call call, std::string mode, Reply<void> done) override;
  void settings(Call call, Reply<PropertyMap> settings) override;
  void mount(Call call, std::string volume, Reply<std::string> mount_point) override;
  void unmount(Call call, std::string volume, Reply<void> done) override;
  void eject(Call call, std::string volume, Reply<void> done) override;
  void power_off(Call call, std::string volume, Reply<void> done) override;
  void recover(Call call, std::string volume, std::string mode,
               Reply<std::string> mount_point) override;
  void detach(Call call, std::string volume, Reply<void> done) override;
  void users(Call call, std::string volume, Reply<std::vector<UserOfMount>> users) override;
  void log_lines(Call call, std::string volume, Reply<std::vector<std::string>> lines) override;
  void containment(Call call, std::string volume, Reply<std::string> report) override;
  void check(Call call, std::string volume, Reply<PropertyMap> result) override;
  void repair(Call call, std::string volume, Reply<PropertyMap> result) override;
  void set_label(Call call, std::string volume, std::string label, Reply<void> done) override;
  void format(Call call, std::string volume, std::string type, std::string label,
              Reply<void> done) override;
  void check_log(Call call, std::string volume, Reply<std::vector<std::string>> lines) override;
  void cancel(Call call, std::string job, Reply<void> done) override;
  void skip(Call call, std::string job, Reply<void> done) override;
  void caller_gone(const std::string& sender) override;

 private:
  static std::string first_bytes(const HeldFile& file);
  template <typename T, typename Make>
  void answer(const std::string& method, const Call& call, const std::string& about, Reply<T> reply,
              Make make);
  Result<void> check(const std::string& volume) const;
  void remember(const std::string& method, const Call& call, const std::string& about);
  Result<std::string> mount_now(const std::string& volume);
  Result<void> unmount_now(const std::string& volume);

  Publisher& publisher_;
  Handovers& handovers_;
  std::map<std::string, std::string> mount_points_;  // id, place; empty while not mounted
  std::map<std::string, std::variant<std::string, std::int64_t, bool>> unmount_end_ = {
      {"outcome", std::string("safe")}, {"summary", std::string("it can be removed safely")}};
  std::set<std::string> held_methods_;
  std::deque<std::move_only_function<void()>> held_;
  std::optional<Error> failure_;
  std::vector<std::string> calls_;
  int images_ = 0;
};

}  // namespace airlock
