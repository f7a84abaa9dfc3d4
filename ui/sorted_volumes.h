// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QSortFilterProxyModel>

#include "ui/volume.h"

namespace airlock::ui {

class VolumeModel;

// The model in the order for people: dead mounts first, then media that wait for a person, then by
// name; without media that Airlock leaves alone, unless requested.
class SortedVolumes final : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit SortedVolumes(VolumeModel& volumes, QObject* parent = nullptr);

  void setShowAll(bool all);
  // In this order.
  [[nodiscard]] QStringList paths() const;

 protected:
  [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  [[nodiscard]] const Volume& at(int row) const;

  VolumeModel& m_volumes;
  bool m_showAll = false;
};

}  // namespace airlock::ui
