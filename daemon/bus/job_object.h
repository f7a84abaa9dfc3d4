// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/bus/bus_object.h"
#include "dbus/job_glue.h"

namespace airlock {

// org.airlock1.Job at /org/airlock1/jobs/N. Unpacks, asks the Service, replies.
class JobObject final : public BusObject<org::airlock1::Job_adaptor> {
 public:
  JobObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path, std::string id);
  ~JobObject() override;

 private:
  void Cancel(sdbus::Result<>&& result, BusOptions options) override;
  void Skip(sdbus::Result<>&& result, BusOptions options) override;

  std::string Operation() override { return text("Operation"); }
  sdbus::ObjectPath Volume() override;
  double Progress() override { return bag().get<double>("Progress"); }
  std::uint64_t BytesLeft() override { return big_number("BytesLeft"); }
  std::uint32_t StartedBy() override { return number("StartedBy"); }
  std::uint64_t StartedAt() override { return big_number("StartedAt"); }
  bool CanSkip() override { return flag("CanSkip"); }
};

}  // namespace airlock
