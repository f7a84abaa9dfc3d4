// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QWidget>

#include "ui/client.h"
#include "ui/verbs.h"
#include "ui/volume.h"

class QLabel;
class QTabWidget;

namespace airlock::ui {

class DeadPanel;
class FactsPage;
class Notice;
class Performer;
class ProgressStrip;
class ReportPage;
class SpaceBar;
class VerbBar;

// Everything about one medium, and the actions possible.
class VolumePanel final : public QWidget {
  Q_OBJECT

 public:
  VolumePanel(Client& client, Performer& performer, QWidget* parent = nullptr);

  void show(const Volume& volume, const Surroundings& around);
  [[nodiscard]] QString path() const { return m_path; }

 private:
  void perform(Verb verb);
  void layOut();

  Performer& m_performer;
  QString m_path;
  QLabel* m_icon;
  QLabel* m_name;
  QLabel* m_kind;
  DeadPanel* m_dead;
  ProgressStrip* m_progress;
  Notice* m_problem;
  SpaceBar* m_space;
  VerbBar* m_verbs;
  QTabWidget* m_pages;
  FactsPage* m_facts;
  ReportPage* m_log;
  ReportPage* m_containment;
};

}  // namespace airlock::ui
