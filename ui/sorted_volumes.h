// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QSortFilterProxyModel>

#include "ui/volume.h"

namespace airlock::ui {

class VolumeModel;

// The model as a person wants to see it: dead mounts first, then what waits for somebody, then by
// name; without what Airlock leaves alone, unless that is asked for.
class SortedVolumes final : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit SortedVolumes(VolumeModel& volumes, QObject* parent = nullptr);

  void setShowAll(bool all);
  // In order.
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
