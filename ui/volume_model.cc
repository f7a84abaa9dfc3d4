// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/volume_model.h"

#include <algorithm>
#include <utility>

#include "ui/wording.h"

namespace airlock::ui {
namespace {

// More than any machine has; airlockd has a limit of its own.
constexpr std::size_t kMostVolumes = 4096;

}  // namespace

bool isShownByDefault(const Volume& volume) {
  return volume.state != State::kIgnored;
}

int VolumeModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_volumes.size());
}

QVariant VolumeModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Volume& volume = m_volumes.at(static_cast<std::size_t>(index.row()));
  switch (role) {
    case PathRole:
      return volume.path;
    case Qt::DisplayRole:
    case NameRole:
      return nameOf(volume);
    case StateRole:
      return static_cast<int>(volume.state);
    case UncontainedRole:
      return isAlarming(volume.uncontained);
    case SentenceRole:
      return sentenceFor(volume);
    case Qt::ToolTipRole:  // it interprets some plain text as rich text
      return QStringLiteral("<qt>%1</qt>").arg(sentenceFor(volume).toHtmlEscaped());
    case Qt::AccessibleTextRole:
      return QStringLiteral("%1, %2").arg(nameOf(volume), sentenceFor(volume));
    default:
      return {};
  }
}

int VolumeModel::rowOf(const QString& path) const {
  const auto found = std::ranges::find(m_volumes, path, &Volume::path);
  return found == m_volumes.end() ? -1 : static_cast<int>(found - m_volumes.begin());
}

const Volume* VolumeModel::find(const QString& path) const {
  const int row = rowOf(path);
  return row < 0 ? nullptr : &m_volumes[static_cast<std::size_t>(row)];
}

template <typename Change>
void VolumeModel::change(int row, Change apply) {
  if (row < 0) return;
  Volume& volume = m_volumes[static_cast<std::size_t>(row)];
  const Volume before = volume;
  apply(volume);
  const Volume now = volume;  // a listener may change the model again
  emit dataChanged(index(row), index(row));
  emit volumeChanged(before, now);
  emit summaryChanged();
}

void VolumeModel::replaceAll(const Objects& objects) {
  QHash<QString, Volume> before;
  for (const Volume& volume : m_volumes) before.insert(volume.path, volume);
  beginResetModel();
  m_volumes.clear();
  m_jobs.clear();
  for (auto object = objects.begin(); object != objects.end(); ++object) {
    const auto properties = object.value().constFind(QLatin1String(kVolume));
    if (properties == object.value().constEnd() || m_volumes.size() >= kMostVolumes) continue;
    Volume& volume = m_volumes.emplace_back();
    volume.path = object.key();
    volume.problem = before.value(volume.path).problem;
    volume.apply(properties.value());
  }
  endResetModel();
  for (auto object = objects.begin(); object != objects.end(); ++object)
    if (object.value().contains(QLatin1String(kJob)))
      putJob(jobFrom(object.key(), object.value().value(QLatin1String(kJob))));
  emit replaced();
  emit summaryChanged();
}

void VolumeModel::addObject(const QString& path, const Interfaces& interfaces) {
  if (interfaces.contains(QLatin1String(kVolume)))
    addVolume(path, interfaces.value(QLatin1String(kVolume)));
  if (interfaces.contains(QLatin1String(kJob)))
    putJob(jobFrom(path, interfaces.value(QLatin1String(kJob))));
}

void VolumeModel::addVolume(const QString& path, const QVariantMap& properties) {
  if (const int known = rowOf(path); known >= 0)
    return change(known, [&](Volume& volume) { volume.apply(properties); });
  if (m_volumes.size() >= kMostVolumes) return;
  const int row = rowCount();
  Volume volume;
  volume.path = path;
  volume.apply(properties);
  beginInsertRows({}, row, row);
  m_volumes.push_back(volume);
  endInsertRows();
  emit volumeChanged({}, volume);
  emit summaryChanged();
}

void VolumeModel::removeObject(const QString& path, const QStringList& interfaces) {
  if (interfaces.contains(QLatin1String(kJob))) takeJob(path);
  if (interfaces.contains(QLatin1String(kVolume))) removeVolume(rowOf(path));
}

void VolumeModel::removeVolume(int row) {
  if (row < 0) return;
  const Volume last = m_volumes[static_cast<std::size_t>(row)];
  beginRemoveRows({}, row, row);
  m_volumes.erase(m_volumes.begin() + row);
  endRemoveRows();
  emit volumeGone(last);
  emit summaryChanged();
}

void VolumeModel::changeObject(const QString& path, const QString& interface,
                               const QVariantMap& properties) {
  if (interface == QLatin1String(kVolume))
    change(rowOf(path), [&](Volume& volume) { volume.apply(properties); });
  if (interface == QLatin1String(kJob) && m_jobs.contains(path))
    putJob(jobFrom(path, properties, m_jobs.value(path)));
}

void VolumeModel::putJob(const Job& job) {
  if (job.volume.isEmpty() || m_jobs.size() > static_cast<qsizetype>(kMostVolumes)) return;
  m_jobs.insert(job.path, job);
  showJob(job.volume);
}

// An eject consists of unmounts: the one with data left to write is the most informative, and the
// eject continues when they have ended.
void VolumeModel::showJob(const QString& path) {
  std::optional<Job> telling;
  for (const Job& job : std::as_const(m_jobs)) {
    if (job.volume != path) continue;
    if (!telling ||
        std::pair(job.bytesLeft, job.path) > std::pair(telling->bytesLeft, telling->path))
      telling = job;
  }
  change(rowOf(path), [&](Volume& volume) { volume.job = std::move(telling); });
}

void VolumeModel::takeJob(const QString& path) {
  const Job job = m_jobs.take(path);
  showJob(job.volume);
}

void VolumeModel::setSpace(const QString& path, Space space) {
  const Volume* volume = find(path);
  if (volume == nullptr || volume->state != State::kMounted) return;
  if (volume->space.total == space.total && volume->space.available == space.available) return;
  change(rowOf(path), [&](Volume& measured) { measured.space = space; });
}

void VolumeModel::setPending(const QString& path, bool pending) {
  change(rowOf(path), [&](Volume& volume) { volume.pending = pending; });
}

void VolumeModel::setProblem(const QString& path, const QString& problem) {
  const Volume* volume = find(path);
  if (volume == nullptr || volume->problem == problem) return;
  change(rowOf(path), [&](Volume& troubled) { troubled.problem = problem; });
}

VolumeModel::Summary VolumeModel::summary() const {
  Summary summary;
  for (const Volume& volume : m_volumes) {
    summary.shown += isShownByDefault(volume) ? 1 : 0;
    summary.mounted += volume.state == State::kMounted ? 1 : 0;
    summary.busy += isBusy(volume) ? 1 : 0;
    summary.dead += volume.state == State::kDead ? 1 : 0;
    summary.attention += needsAttention(volume) ? 1 : 0;
    summary.waiting += volume.state == State::kWaiting ? 1 : 0;
  }
  return summary;
}

}  // namespace airlock::ui
