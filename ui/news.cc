// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/news.h"

#include <QCoreApplication>
#include <algorithm>

#include "ui/wording.h"

namespace airlock::ui {
namespace {

struct NewsText {
  Q_DECLARE_TR_FUNCTIONS(NewsText)
};

// Those of the wanted verbs that are possible now.
std::vector<Verb> offered(const Volume& volume, const Surroundings& around,
                          std::initializer_list<Verb> wanted) {
  const std::vector<Verb> possible = verbsFor(volume, around);
  std::vector<Verb> verbs;
  for (const Verb verb : wanted)
    if (std::ranges::find(possible, verb) != possible.end()) verbs.push_back(verb);
  return verbs;
}

News mounted(const Volume& volume, const Surroundings& around) {
  QString text = volume.mountedReadOnly ? NewsText::tr("It can be used, read-only.")
                                        : NewsText::tr("It can be used.");
  if (volume.mountedReadOnly && !volume.readOnlyReason.isEmpty()) text = mountSentence(volume);
  auto verbs = offered(volume, around, {Verb::kOpen, Verb::kEject});
  if (verbs.size() < 2) verbs = offered(volume, around, {Verb::kOpen, Verb::kUnmount});
  return {.event = Event::kMounted,
          .title = NewsText::tr("%1 is mounted").arg(nameOf(volume)),
          .text = text,
          .iconName = QStringLiteral("drive-removable-media"),
          .verbs = verbs};
}

News plugged(const Volume& volume, const Surroundings& around) {
  return {.event = Event::kPlugged,
          .title = NewsText::tr("%1 is plugged in").arg(nameOf(volume)),
          .text = sizeText(volume.size) + QStringLiteral(", ") + filesystemOf(volume),
          .iconName = QStringLiteral("drive-removable-media"),
          .verbs = offered(volume, around, {Verb::kMount, Verb::kMountReadOnly, Verb::kEject})};
}

News crashed(const Volume& volume, const Surroundings& around) {
  return {.event = Event::kCrashed,
          .title = NewsText::tr("%1 can no longer be used").arg(nameOf(volume)),
          .text = deathSentence(volume) + u' ' + deathLoss(volume),
          .iconName = QStringLiteral("dialog-error"),
          .verbs = offered(volume, around, {Verb::kRecoverReadOnly, Verb::kRecover, Verb::kDetach}),
          .urgent = true};
}

// Quiet: nobody has to do anything, and nothing was lost.
News healed(const Volume& volume) {
  return {.event = Event::kHealed,
          .title = NewsText::tr("%1 keeps working").arg(nameOf(volume)),
          .text = NewsText::tr("Its driver failed and was replaced; nothing was lost."),
          .iconName = QStringLiteral("dialog-information"),
          .verbs = {}};
}

News pulledOut(const Volume& volume) {
  const QString text = volume.stateReason.isEmpty()
                           ? NewsText::tr(
                                 "The latest changes may be lost. Next time, eject it "
                                 "first.")
                           : sentenceFor(volume);
  return {.event = Event::kPulledOut,
          .title = NewsText::tr("%1 was pulled out too early").arg(nameOf(volume)),
          .text = text,
          .iconName = QStringLiteral("dialog-warning"),
          .verbs = {},
          .urgent = true};
}

News refused(const Volume& volume) {
  return {.event = Event::kRefused,
          .title = NewsText::tr("%1 is not mounted").arg(nameOf(volume)),
          .text = sentenceFor(volume),
          .iconName = QStringLiteral("dialog-warning"),
          .verbs = {}};
}

News uncontained(const Volume& volume) {
  return {.event = Event::kUncontained,
          .title = NewsText::tr("%1 is NOT contained").arg(nameOf(volume)),
          .text = uncontainedSentence(volume) + u' ' +
                  NewsText::tr("A damaged or hostile medium can harm the whole system there."),
          .iconName = QStringLiteral("dialog-warning"),
          .verbs = {}};
}

bool isFresh(State state) {
  return state == State::kUnknown || state == State::kProbing || state == State::kWaiting;
}

News unwritten(const Volume& volume) {
  News news = refused(volume);
  news.text = unmountSentence(volume);
  return news;
}

// No news while another part of the drive is in use, or if another program unmounted it.
std::optional<News> newsOfUnmounted(const Volume& volume) {
  if (volume.lastUnmount.outcome == QLatin1String("safe")) return safeToRemove(volume);
  if (volume.lastUnmount.outcome == QLatin1String("incomplete")) return unwritten(volume);
  return {};
}

std::optional<News> newsOfAvailable(const Volume& before, const Volume& now,
                                    const Surroundings& around, const QString& automount) {
  if (before.state == State::kUnmounting) return newsOfUnmounted(now);
  if (before.state == State::kMounting && !now.pending && !now.stateReason.isEmpty())
    return refused(now);
  const bool somebodyDecides = automount != QLatin1String("on");
  if (isFresh(before.state) && somebodyDecides && now.usage == QLatin1String("filesystem"))
    return plugged(now, around);
  return {};
}

bool isWritten(const LastUnmount& end) {
  return end.outcome.isEmpty() || end.outcome == QLatin1String("safe") ||
         end.outcome == QLatin1String("drive-in-use");
}

}  // namespace

News ejected(const Volume& volume, const std::vector<Volume>& all) {
  if (!isWritten(volume.lastUnmount)) return unwritten(volume);
  for (const Volume& part : all)
    if (!volume.drive.isEmpty() && part.drive == volume.drive && !isWritten(part.lastUnmount))
      return unwritten(part);
  return safeToRemove(volume);
}

News safeToRemove(const Volume& volume) {
  return {.event = Event::kSafe,
          .title = NewsText::tr("%1 can be unplugged").arg(nameOf(volume)),
          .text = NewsText::tr("Everything is written. It is safe to remove it now."),
          .iconName = QStringLiteral("media-eject"),
          .verbs = {}};
}

News stillWriting(const Volume& volume) {
  return {.event = Event::kWriting,
          .title = NewsText::tr("Do not unplug %1 yet").arg(nameOf(volume)),
          .text = sentenceFor(volume),
          .iconName = QStringLiteral("dialog-information"),
          .verbs = {}};
}

std::optional<News> newsOf(const Volume& before, const Volume& now, const Surroundings& around,
                           const QString& automount) {
  if (isAlarming(now.uncontained)) {
    if (isAlarming(before.uncontained)) return {};
    return uncontained(now);
  }
  if (isUncontained(now)) return {};
  if (now.state == State::kMounted && now.healed.count > before.healed.count) return healed(now);
  if (before.state == now.state) return {};
  switch (now.state) {
    case State::kMounted:
      return mounted(now, around);
    case State::kAvailable:
      return newsOfAvailable(before, now, around, automount);
    case State::kDead:
      return crashed(now, around);
    case State::kGone:
      return pulledOut(now);
    case State::kRefused:
      return refused(now);
    default:
      return {};
  }
}

std::optional<News> newsOfLeaving(const Volume& last) {
  if (last.state == State::kMounted) return pulledOut(last);
  return {};
}

}  // namespace airlock::ui
