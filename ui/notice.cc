// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/notice.h"

#include <QLabel>
#include <QPainter>
#include <QVBoxLayout>

#include "ui/colors.h"

namespace airlock::ui {
namespace {

constexpr int kRadius = 6;
constexpr int kStripe = 5;
constexpr int kMargin = 12;

}  // namespace

QLabel* plainLabel(QWidget* parent) {
  auto* label = new QLabel(parent);
  label->setTextFormat(Qt::PlainText);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  label->setFocusPolicy(Qt::NoFocus);
  return label;
}

Notice::Notice(const QColor& color, QWidget* parent)
    : QFrame(parent), m_color(color), m_rows(new QVBoxLayout(this)), m_sentence(plainLabel(this)) {
  m_rows->setContentsMargins(kMargin + kStripe, kMargin, kMargin, kMargin);
  QFont bold = font();
  bold.setBold(true);
  m_sentence->setFont(bold);
  m_rows->addWidget(m_sentence);
}

void Notice::setSentence(const QString& sentence) {
  m_sentence->setText(sentence);
  setAccessibleName(sentence);
  setVisible(!sentence.isEmpty());
}

QString Notice::sentence() const {
  return m_sentence->text();
}

void Notice::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(m_color);
  painter.drawRoundedRect(rect(), kRadius, kRadius);
  painter.setBrush(tinted(palette(), m_color));
  painter.drawRoundedRect(rect().adjusted(kStripe, 1, -1, -1), kRadius, kRadius);
}

}  // namespace airlock::ui
