// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/sorted_volumes.h"

#include "ui/volume_model.h"

namespace airlock::ui {
namespace {

int rank(const Volume& volume) {
  if (volume.state == State::kDead) return 0;
  if (needsAttention(volume)) return 1;
  return volume.state == State::kIgnored ? 3 : 2;
}

}  // namespace

SortedVolumes::SortedVolumes(VolumeModel& volumes, QObject* parent)
    : QSortFilterProxyModel(parent), m_volumes(volumes) {
  setSourceModel(&volumes);
  setDynamicSortFilter(true);
  sort(0);
}

void SortedVolumes::setShowAll(bool all) {
  m_showAll = all;
  invalidateFilter();
}

const Volume& SortedVolumes::at(int row) const {
  return m_volumes.volumes().at(static_cast<std::size_t>(row));
}

bool SortedVolumes::lessThan(const QModelIndex& left, const QModelIndex& right) const {
  const Volume& a = at(left.row());
  const Volume& b = at(right.row());
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  const QString nameA = left.data(VolumeModel::NameRole).toString();
  const QString nameB = right.data(VolumeModel::NameRole).toString();
  const int order = QString::localeAwareCompare(nameA, nameB);
  return order != 0 ? order < 0 : a.path < b.path;
}

bool SortedVolumes::filterAcceptsRow(int row, const QModelIndex&) const {
  return m_showAll || isShownByDefault(at(row));
}

QStringList SortedVolumes::paths() const {
  QStringList paths;
  for (int row = 0; row < rowCount(); ++row)
    paths << index(row, 0).data(VolumeModel::PathRole).toString();
  return paths;
}

}  // namespace airlock::ui
