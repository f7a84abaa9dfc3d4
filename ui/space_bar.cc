// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/space_bar.h"

#include <QLabel>
#include <QPainter>
#include <QVBoxLayout>

#include "ui/colors.h"
#include "ui/notice.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr int kHeight = 10;
constexpr double kNearlyFull = 0.92;

}  // namespace

SpaceBar::SpaceBar(QWidget* parent) : QWidget(parent), m_words(plainLabel(this)) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, kHeight + 6, 0, 0);
  column->addWidget(m_words);
}

void SpaceBar::show(const Volume& volume) {
  const Space& space = volume.space;
  setVisible(space.total > 0);
  if (space.total == 0) return;
  m_used = 1 - static_cast<double>(qMin(space.available, space.total)) /
                   static_cast<double>(space.total);
  m_words->setText(spaceSentence(volume));
  setAccessibleName(spaceSentence(volume));
  update();
}

void SpaceBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  const QRectF whole(0, 0, width(), kHeight);
  painter.setBrush(palette().color(QPalette::Mid));
  painter.drawRoundedRect(whole, kHeight / 2.0, kHeight / 2.0);
  QRectF used = whole;
  used.setWidth(qMax(m_used * whole.width(), double{kHeight}));
  painter.setBrush(m_used > kNearlyFull ? kCaution : palette().color(QPalette::Highlight));
  painter.drawRoundedRect(used, kHeight / 2.0, kHeight / 2.0);
}

}  // namespace airlock::ui
