// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/volume_delegate.h"

#include <QApplication>
#include <QPainter>

#include "ui/colors.h"
#include "ui/icons.h"
#include "ui/volume_model.h"

namespace airlock::ui {
namespace {

constexpr int kIcon = 32;
constexpr int kGap = 10;
constexpr int kStripe = 4;

void drawLine(QPainter& painter, const QRect& where, const QFont& font, const QColor& color,
              const QString& text) {
  painter.setFont(font);
  painter.setPen(color);
  const QString fitting =
      QFontMetrics(font).elidedText(text, Qt::ElideRight, where.width(), Qt::TextSingleLine);
  painter.drawText(where, Qt::AlignVCenter | Qt::TextSingleLine, fitting);
}

QIcon iconFor(State state, const QColor& ink) {
  switch (state) {
    case State::kDead:
    case State::kGone:
      return moodIcon(Mood::kAttention, ink);
    case State::kMounting:
    case State::kUnmounting:
      return moodIcon(Mood::kBusy, ink);
    case State::kMounted:
      return moodIcon(Mood::kMounted, ink);
    default:
      return moodIcon(Mood::kPlugged, ink);
  }
}

}  // namespace

QSize VolumeDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const {
  const int lines = 2 * QFontMetrics(option.font).lineSpacing();
  return {4 * kIcon, qMax(kIcon, lines) + 2 * kGap};
}

void VolumeDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                           const QModelIndex& index) const {
  QStyleOptionViewItem item = option;
  initStyleOption(&item, index);
  item.text.clear();
  const QStyle* style = item.widget != nullptr ? item.widget->style() : QApplication::style();
  style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);

  const auto state = static_cast<State>(index.data(VolumeModel::StateRole).toInt());
  const bool selected = (item.state & QStyle::State_Selected) != 0;
  const QColor ink = item.palette.color(selected ? QPalette::HighlightedText : QPalette::Text);
  painter->save();
  const bool uncontained = index.data(VolumeModel::UncontainedRole).toBool();
  if (state == State::kDead || uncontained)
    painter->fillRect(QRect(item.rect.left(), item.rect.top(), kStripe, item.rect.height()),
                      uncontained ? kCaution : kAlarm);
  const QRect inner = item.rect.adjusted(kGap, kGap / 2, -kGap, -kGap / 2);
  const QRect place(inner.left(), inner.center().y() - kIcon / 2, kIcon, kIcon);
  const QIcon icon = uncontained ? moodIcon(Mood::kAttention, ink) : iconFor(state, ink);
  icon.paint(painter, place);

  QColor lineInk = ink;
  if (!selected && state == State::kDead) lineInk = alarmInk(item.palette);
  if (!selected && uncontained) lineInk = cautionInk(item.palette);
  QRect text = inner.adjusted(kIcon + kGap, 0, 0, 0);
  const int half = text.height() / 2;
  QFont bold = item.font;
  bold.setBold(true);
  drawLine(*painter, {text.left(), text.top(), text.width(), half}, bold, ink,
           index.data(VolumeModel::NameRole).toString());
  drawLine(*painter, {text.left(), text.top() + half, text.width(), half}, item.font, lineInk,
           index.data(VolumeModel::SentenceRole).toString());
  painter->restore();
}

}  // namespace airlock::ui
