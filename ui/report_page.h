// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QWidget>

#include "ui/client.h"
#include "ui/volume.h"

class QPlainTextEdit;
class QPushButton;

namespace airlock::ui {

// Lines that airlockd supplies when the page is visible: the driver's log, or its containment as
// measured right now.
class ReportPage final : public QWidget {
  Q_OBJECT

 public:
  struct Question {
    QString method;   // of org.airlock1.Volume, without arguments
    QString title;    // for people who cannot see the tab
    QString nothing;  // the text for an empty report
  };

  ReportPage(Client& client, Question question, QWidget* parent = nullptr);

  void show(const Volume& volume);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void ask();

  Client& m_client;
  Question m_question;
  QPlainTextEdit* m_text;
  QPushButton* m_again;
  QString m_path;
  State m_state = State::kUnknown;
};

}  // namespace airlock::ui
