// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/api/property_map.h"
#include "daemon/api/reply.h"
#include "lib/base/error.h"

namespace airlock {

// The seam between the D-Bus objects, which only unpack and reply, and the daemon, which decides.
// No type of sdbus-c++ crosses it.

// A caller's a{sv}: what it may pass to a method besides the arguments. The bus side refuses
// unknown keys and wrong types (Errc::kInvalidArgument with the key) before this is filled.
struct CallOptions {
  bool no_user_interaction = false;  // "auth.no_user_interaction" b
  std::string mount_options;         // "options" s, comma separated
  std::string type;                  // "fstype" s
  bool force = false;                // "force" b
  bool lazy = false;                 // "lazy" b
};

struct Call {
  std::string sender;  // unique bus name
  CallOptions options;
};

// A mount that somebody else made. `handover` is the socket that receives these three: a pidfd of
// the driver, the read end of its standard error, and the file behind the mount, opened in any
// mode. A descriptor of the wrong kind counts as missing.
struct MountHandover {
  std::uint64_t mount = 0;            // as in mountinfo
  std::uint64_t mount_namespace = 0;  // inode of the namespace that the number belongs to
  std::string handover;
  std::string program;  // the driver, or the unit that answered
  std::string origin;   // "builtin", or the folder of the service socket
  std::uint32_t user = 0;
};

// A mount wanted at a place of the caller's choice.
struct MountThere {
  std::string device;                 // node, or a link to it
  std::string handover;               // the socket that has the folder, opened in any mode
  std::uint64_t mount_namespace = 0;  // inode of the folder's namespace
};

// The bus side's requests to the daemon. Objects are named by their id, the last part of their path
// ("sdb1", "image3", "7"); if the object is gone, the answer is Errc::kNotFound.
class Service {
 public:
  struct UserOfMount {
    std::uint32_t pid;
    std::string name;
    std::string path;
  };
  virtual ~Service() = default;

  // Manager
  virtual void prepare_handover(Call call, Reply<std::string> socket) = 0;
  // `handover` is the socket that has the image.
  virtual void open_image(Call call, std::string handover, std::string name,
                          Reply<std::string> volume) = 0;
  virtual void adopt_mount(Call call, MountHandover mount, Reply<std::string> volume) = 0;
  // Type and options are in the call.
  virtual void mount_at(Call call, MountThere wanted, Reply<std::string> volume) = 0;
  virtual void find_volume(Call call, std::string device, Reply<std::string> volume) = 0;
  virtual void explain(Call call, std::string device, Reply<PropertyMap> explanation) = 0;
  virtual void list_drivers(Call call, Reply<std::vector<PropertyMap>> drivers) = 0;
  virtual void set_automount(Call call, std::string mode, Reply<void> done) = 0;
  virtual void settings(Call call, Reply<PropertyMap> settings) = 0;

  // Volume
  virtual void mount(Call call, std::string volume, Reply<std::string> mount_point) = 0;
  virtual void unmount(Call call, std::string volume, Reply<void> done) = 0;
  virtual void eject(Call call, std::string volume, Reply<void> done) = 0;
  virtual void power_off(Call call, std::string volume, Reply<void> done) = 0;
  virtual void recover(Call call, std::string volume, std::string mode,
                       Reply<std::string> mount_point) = 0;
  virtual void detach(Call call, std::string volume, Reply<void> done) = 0;
  virtual void users(Call call, std::string volume, Reply<std::vector<UserOfMount>> users) = 0;
  virtual void log_lines(Call call, std::string volume, Reply<std::vector<std::string>> lines) = 0;
  virtual void containment(Call call, std::string volume, Reply<std::string> report) = 0;
  virtual void check(Call call, std::string volume, Reply<PropertyMap> result) = 0;
  virtual void repair(Call call, std::string volume, Reply<PropertyMap> result) = 0;
  virtual void set_label(Call call, std::string volume, std::string label, Reply<void> done) = 0;
  virtual void format(Call call, std::string volume, std::string type, std::string label,
                      Reply<void> done) = 0;
  virtual void check_log(Call call, std::string volume, Reply<std::vector<std::string>> lines) = 0;

  // Job
  virtual void cancel(Call call, std::string job, Reply<void> done) = 0;
  virtual void skip(Call call, std::string job, Reply<void> done) = 0;

  // The caller left the bus: its questions to polkit end, its images close.
  virtual void caller_gone(const std::string& sender) = 0;
};

}  // namespace airlock
