// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/jobs.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/base/text.h"

namespace airlock {

JobTable::Job::Job(Job&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), id_(std::move(other.id_)), most_(other.most_) {}

JobTable::Job& JobTable::Job::operator=(Job&& other) noexcept {
  if (this != &other) {
    end();
    table_ = std::exchange(other.table_, nullptr);
    id_ = std::move(other.id_);
    most_ = other.most_;
  }
  return *this;
}

JobTable::Job::~Job() {
  end();
}

void JobTable::Job::end() {
  JobTable* table = std::exchange(table_, nullptr);
  if (table == nullptr) return;
  table->jobs_.erase(id_);
  table->publisher_.remove_job(id_);
}

void JobTable::Job::set_bytes_left(std::uint64_t bytes) {
  if (table_ == nullptr) return;
  most_ = std::max(most_, bytes);
  const double done =
      most_ == 0 ? 0.0 : 1.0 - static_cast<double>(bytes) / static_cast<double>(most_);
  table_->publisher_.change_job(id_, {{"BytesLeft", bytes}, {"Progress", done}});
}

void JobTable::Job::set_progress(double share) {
  if (table_ != nullptr) table_->publisher_.change_job(id_, {{"Progress", share}});
}

JobTable::Job JobTable::start(Description description) {
  const std::string id = std::to_string(++last_);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  PropertyMap all = {
      {"Operation", description.operation},
      {"Volume", description.volume},
      {"Progress", -1.0},
      {"BytesLeft", std::uint64_t{0}},
      {"StartedBy", static_cast<std::uint32_t>(description.started_by)},
      {"StartedAt", static_cast<std::uint64_t>(now.count())},
      {"CanSkip", static_cast<bool>(description.skip)},
  };
  jobs_.emplace(id, std::move(description));
  publisher_.add_job(id, std::move(all));
  return Job(*this, id);
}

Result<uid_t> JobTable::started_by(const std::string& id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return fail(Errc::kNotFound, "no job {}: it has ended", quote(id));
  return found->second.started_by;
}

Result<std::string> JobTable::volume_of(const std::string& id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return fail(Errc::kNotFound, "no job {}: it has ended", quote(id));
  return found->second.volume;
}

Result<void> JobTable::skip(const std::string& id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return fail(Errc::kNotFound, "no job {}: it has ended", quote(id));
  if (!found->second.skip)
    return fail(Errc::kUnsupported, "there is nothing that job {} could skip", id);
  found->second.skip();
  return {};
}

Result<void> JobTable::cancel(const std::string& id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return fail(Errc::kNotFound, "no job {}: it has ended", quote(id));
  // The work may end within the call, and the entry with it.
  auto stop = std::move(found->second.cancel);
  if (!stop) return fail(Errc::kBusy, "job {} is being cancelled already", id);
  stop();
  return {};
}

}  // namespace airlock
