// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QAbstractListModel>
#include <QHash>
#include <vector>

#include "ui/client.h"
#include "ui/volume.h"

namespace airlock::ui {

// The media plugged in: the only state of the user interface. Rows are in the order of arrival;
// SortedVolumes sorts them for people. Knows neither bus nor widgets: Feed fills it.
class VolumeModel final : public QAbstractListModel {
  Q_OBJECT

 public:
  enum Role { PathRole = Qt::UserRole + 1, NameRole, StateRole, SentenceRole, UncontainedRole };

  struct Summary {
    int shown = 0;
    int mounted = 0;
    int busy = 0;
    int dead = 0;
    int attention = 0;
    int waiting = 0;
  };

  explicit VolumeModel(QObject* parent = nullptr) : QAbstractListModel(parent) {}

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;

  // A complete list; all other media have gone.
  void replaceAll(const Objects& objects);
  void addObject(const QString& path, const Interfaces& interfaces);
  void removeObject(const QString& path, const QStringList& interfaces);
  void changeObject(const QString& path, const QString& interface, const QVariantMap& properties);

  // Results of this program's own work. Nothing happens if the volume has gone.
  void setSpace(const QString& path, Space space);
  void setPending(const QString& path, bool pending);
  void setProblem(const QString& path, const QString& problem);

  // Null if there is none. Valid until the model changes.
  [[nodiscard]] const Volume* find(const QString& path) const;
  [[nodiscard]] const std::vector<Volume>& volumes() const { return m_volumes; }
  [[nodiscard]] Summary summary() const;

 signals:
  // Any change of a medium, often of its state; before is empty for a new one.
  void volumeChanged(const airlock::ui::Volume& before, const airlock::ui::Volume& now);
  void volumeGone(const airlock::ui::Volume& last);
  void replaced();        // by a snapshot, which contains no news
  void summaryChanged();  // after any change

 private:
  [[nodiscard]] int rowOf(const QString& path) const;
  void addVolume(const QString& path, const QVariantMap& properties);
  void removeVolume(int row);
  void putJob(const Job& job);
  void takeJob(const QString& path);
  void showJob(const QString& path);
  template <typename Change>
  void change(int row, Change apply);

  std::vector<Volume> m_volumes;
  QHash<QString, Job> m_jobs;  // by path
};

// Hides media that Airlock leaves alone, and empty ones.
[[nodiscard]] bool isShownByDefault(const Volume& volume);

}  // namespace airlock::ui
