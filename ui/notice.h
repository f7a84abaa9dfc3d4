// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QColor>
#include <QFrame>

class QVBoxLayout;
class QLabel;

namespace airlock::ui {

// A framed box whose colour shows its importance. Its first line is plain text; other widgets are
// added below.
class Notice : public QFrame {
  Q_OBJECT

 public:
  explicit Notice(const QColor& color, QWidget* parent = nullptr);

  // Hidden if the sentence is empty.
  void setSentence(const QString& sentence);
  [[nodiscard]] QString sentence() const;

 protected:
  [[nodiscard]] QVBoxLayout* rows() { return m_rows; }
  void paintEvent(QPaintEvent* event) override;

 private:
  QColor m_color;
  QVBoxLayout* m_rows;
  QLabel* m_sentence;
};

// Plain text that wraps, can be selected, and never interprets foreign text as markup.
[[nodiscard]] QLabel* plainLabel(QWidget* parent);

}  // namespace airlock::ui
