// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <umockdev.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace airlock {

// A machine made of umockdev, with its own /sys and its own udev messages; the host's devices are
// invisible. Runs only under umockdev-wrapper. Devices are added silently; call appear() to have
// udev report them. Uses the words for what people plug in:
//
//   MockMachine machine;
//   MockDisk stick = machine.add_stick("sdb").with_partition("ext4");
//   stick.appear();
class MockMachine;

class MockDisk {
 public:
  MockDisk& with_partition(const std::string& file_system);
  MockDisk& with_attribute(const std::string& name, const std::string& value);
  MockDisk& with_property(const std::string& name, const std::string& value);

  // Messages, as udev sends them: first the disk, then its partitions; in reverse when it goes.
  void appear();
  void pull();
  void send(const std::string& action);
  void send_for_partition(unsigned number, const std::string& action);
  void remove_partition(unsigned number);

  // Changes the medium of a reader: the kernel counts each one.
  void change_medium(std::uint64_t size);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& sysfs_path() const { return path_; }
  [[nodiscard]] const std::string& partition_path(unsigned number) const {
    return partitions_.at(number);
  }

 private:
  friend class MockMachine;
  MockDisk(MockMachine& machine, std::string name, std::string path, unsigned minor)
      : machine_(&machine), name_(std::move(name)), path_(std::move(path)), minor_(minor) {}

  MockMachine* machine_;
  std::string name_, path_;
  unsigned minor_ = 0;
  std::map<unsigned, std::string> partitions_;
};

class MockMachine {
 public:
  using Words = std::map<std::string, std::string>;
  static constexpr unsigned kMajor = 8;

  MockMachine() : testbed_(umockdev_testbed_new()) {}

  // Kinds of hardware, each as the kernel and udev of a real machine describe it.
  MockDisk add_stick(const std::string& name) {
    const std::string target = add_scsi(add_usb(name), name);
    return add_disk(name, target, {{"removable", "1"}}, usb_properties());
  }
  // Says that it is not removable, and udev calls it an ATA disk; both are true.
  MockDisk add_usb_hard_disk(const std::string& name) {
    const std::string target = add_scsi(add_usb(name), name);
    Words properties = usb_properties();
    properties["ID_BUS"] = "ata";
    return add_disk(name, target, {{"removable", "0"}}, properties);
  }
  MockDisk add_nvme(const std::string& name) {
    const std::string pci = add("pci", "0000:01:00.0", "", {{"removable", "fixed"}}, {});
    const std::string controller = add("nvme", "nvme0", pci, {}, {});
    return add_disk(name, controller, {{"removable", "0"}}, {});
  }
  MockDisk add_thunderbolt_nvme(const std::string& name) {
    const std::string pci = add("pci", "0000:3a:00.0", "", {{"removable", "removable"}}, {});
    const std::string controller = add("nvme", "nvme7", pci, {}, {});
    return add_disk(name, controller, {{"removable", "0"}}, {});
  }
  MockDisk add_card(const std::string& name, const std::string& type) {
    const std::string host = add("mmc_host", "host-" + name, "", {}, {});
    const std::string card = add("mmc", "mmc0:0001", host, {{"type", type}}, {});
    return add_disk(name, card, {{"removable", "0"}}, {});
  }
  MockDisk add_optical(const std::string& name) {
    const std::string port = add("ata_port", "port-" + name, "", {}, {});
    const std::string target = add_scsi(port, name);
    return add_disk(name, target, {{"removable", "1"}, {"queue/logical_block_size", "2048"}},
                    {{"ID_CDROM", "1"}, {"ID_BUS", "ata"}});
  }
  // Also for dm-0 and the like: devices without hardware.
  MockDisk add_virtual(const std::string& name, const Words& attributes) {
    return add_disk(name, "", attributes, {});
  }

  std::string add(const std::string& subsystem, const std::string& name, const std::string& parent,
                  const Words& attributes, const Words& properties) {
    auto attribute_list = flatten(attributes);
    auto property_list = flatten(properties);
    gchar* const path = umockdev_testbed_add_devicev(
        testbed_.get(), subsystem.c_str(), name.c_str(), parent.empty() ? nullptr : parent.c_str(),
        attribute_list.data(), property_list.data());
    const std::string added = path == nullptr ? "" : path;
    g_free(path);
    return added;
  }

  UMockdevTestbed* testbed() { return testbed_.get(); }

 private:
  friend class MockDisk;
  struct Unref {
    void operator()(UMockdevTestbed* testbed) const { g_object_unref(testbed); }
  };

  // The list of names and values for umockdev; it points into the words.
  static std::vector<gchar*> flatten(const Words& words) {
    std::vector<gchar*> list;
    for (const auto& [name, value] : words) {
      list.push_back(const_cast<gchar*>(name.c_str()));
      list.push_back(const_cast<gchar*>(value.c_str()));
    }
    list.push_back(nullptr);
    return list;
  }

  static Words usb_properties() {
    return {{"ID_BUS", "usb"},
            {"ID_VENDOR_ENC", "Acme\\x20Storage"},
            {"ID_MODEL_ENC", "Fast\\x20Stick\\x20\\x20"},
            {"ID_SERIAL_SHORT", "4C530001"},
            {"ID_PATH", "pci-0000:00:14.0-usb-0:1:1.0-scsi-0:0:0:0"}};
  }

  std::string add_usb(const std::string& name) {
    return add("usb", "usb-" + name, "", {{"idVendor", "0781"}, {"serial", "USB-SERIAL"}},
               {{"DEVTYPE", "usb_device"}});
  }
  std::string add_scsi(const std::string& parent, const std::string& name) {
    return add("scsi", "scsi-" + name, parent, {}, {{"DEVTYPE", "scsi_device"}});
  }

  // umockdev treats only devices in a folder called "block" as block devices.
  MockDisk add_disk(const std::string& name, const std::string& parent, Words attributes,
                    Words properties) {
    return add_block(name, parent.empty() ? "virtual/block/" + name : "block/" + name, parent,
                     std::move(attributes), std::move(properties));
  }
  MockDisk add_block(const std::string& name, const std::string& place, const std::string& parent,
                     Words attributes, Words properties) {
    const unsigned minor = next_minor_;
    next_minor_ += 16;
    attributes.insert({{"dev", number(minor)},
                       {"size", "16000000"},
                       {"ro", "0"},
                       {"queue/logical_block_size", "512"},
                       {"diskseq", std::to_string(++last_sequence_)}});
    properties.insert({{"DEVNAME", "/dev/" + name}, {"DEVTYPE", "disk"}});
    add_number(properties, minor);
    return {*this, name, add("block", place, parent, attributes, properties), minor};
  }

  static std::string number(unsigned minor) {
    return std::to_string(kMajor) + ":" + std::to_string(minor);
  }
  static void add_number(Words& properties, unsigned minor) {
    properties["MAJOR"] = std::to_string(kMajor);
    properties["MINOR"] = std::to_string(minor);
  }

  std::unique_ptr<UMockdevTestbed, Unref> testbed_;
  unsigned next_minor_ = 16;
  std::uint64_t last_sequence_ = 0;
};

inline MockDisk& MockDisk::with_partition(const std::string& file_system) {
  const auto number = static_cast<unsigned>(partitions_.size()) + 1;
  const bool needs_p = name_.back() >= '0' && name_.back() <= '9';
  const std::string name = name_ + (needs_p ? "p" : "") + std::to_string(number);
  MockMachine::Words properties = {{"DEVNAME", "/dev/" + name},
                                   {"DEVTYPE", "partition"},
                                   {"ID_FS_TYPE", file_system},
                                   {"ID_FS_UUID_ENC", "uuid-of-" + name},
                                   {"ID_FS_LABEL_ENC", "label\\x20of\\x20" + name},
                                   {"ID_PART_ENTRY_UUID", "0000-" + name}};
  MockMachine::add_number(properties, minor_ + number);
  partitions_[number] = machine_->add("block", name, path_,
                                      {{"dev", MockMachine::number(minor_ + number)},
                                       {"partition", std::to_string(number)},
                                       {"size", "15990000"},
                                       {"ro", "0"}},
                                      properties);
  return *this;
}

inline MockDisk& MockDisk::with_attribute(const std::string& name, const std::string& value) {
  umockdev_testbed_set_attribute(machine_->testbed(), path_.c_str(), name.c_str(), value.c_str());
  return *this;
}

inline MockDisk& MockDisk::with_property(const std::string& name, const std::string& value) {
  umockdev_testbed_set_property(machine_->testbed(), path_.c_str(), name.c_str(), value.c_str());
  return *this;
}

inline void MockDisk::send(const std::string& action) {
  umockdev_testbed_uevent(machine_->testbed(), path_.c_str(), action.c_str());
}

inline void MockDisk::send_for_partition(unsigned number, const std::string& action) {
  umockdev_testbed_uevent(machine_->testbed(), partitions_.at(number).c_str(), action.c_str());
}

inline void MockDisk::appear() {
  send("add");
  for (const auto& [number, path] : partitions_) send_for_partition(number, "add");
}

inline void MockDisk::remove_partition(unsigned number) {
  send_for_partition(number, "remove");  // removing the device alone sends nothing
  umockdev_testbed_remove_device(machine_->testbed(), partitions_.at(number).c_str());
  partitions_.erase(number);
}

inline void MockDisk::pull() {
  while (!partitions_.empty()) remove_partition(partitions_.begin()->first);
  send("remove");
  umockdev_testbed_remove_device(machine_->testbed(), path_.c_str());
}

inline void MockDisk::change_medium(std::uint64_t size) {
  while (!partitions_.empty()) remove_partition(partitions_.begin()->first);
  with_attribute("size", std::to_string(size / 512));
  with_attribute("diskseq", std::to_string(++machine_->last_sequence_));
  send("change");
}

}  // namespace airlock
