// SPDX-License-Identifier: GPL-2.0-or-later
// The model and the sentences about media, without a bus and without widgets.
#include <QSignalSpy>
#include <QTest>
#include <algorithm>
#include <csignal>

#include "tests/tray/volumes.h"
#include "ui/news.h"
#include "ui/sorted_volumes.h"
#include "ui/tray.h"
#include "ui/verbs.h"
#include "ui/visible_text.h"
#include "ui/volume_model.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

const Surroundings kMe = {.uid = 1000, .extras = {}};

Volume made(const QString& state, const QVariantMap& otherwise = {}) {
  Volume volume;
  volume.path = volumePath("sdb1");
  volume.apply(stick("sdb1", state, otherwise));
  return volume;
}

bool offers(const Volume& volume, Verb verb, const Surroundings& around = kMe) {
  return std::ranges::count(verbsFor(volume, around), verb) == 1;
}

}  // namespace

class ModelTest : public QObject {
  Q_OBJECT

 private slots:
  void hostileTextIsShownEscaped_data();
  void hostileTextIsShownEscaped();
  void longTextIsCut();
  void propertiesOfTheWrongTypeAreNotTaken();
  void unknownStatesAreSaidToBeUnknown();
  void deadMountsComeFirst();
  void whatIsLeftAloneIsShownOnlyOnDemand();
  void aHundredMediaComeChangeAndGo();
  void aSnapshotReplacesEverythingAndIsNoNews();
  void jobsShowInTheirVolume();
  void anEjectSaysWhatItsUnmountKnows();
  void anEjectedDriveIsSafeOnlyIfAllOfItWasWritten();
  void everyDeathIsASentence_data();
  void everyDeathIsASentence();
  void verbsFitTheState();
  void checkAndRepairNeedAnAirlockdThatOffersThem();
  void whatACheckerFoundIsSaid();
  void otherPeoplesMountsAreNotOpened();
  void newsAreToldOncePerEvent();
  void onlyWhatAirlockdCallsSafeIsToldAsSafe();
  void howItWasUnmountedIsForgottenWithTheNextMount();
  void newsDependOnAutomount();
  void aReplacedDriverIsQuietNews();
  void whatTheKernelReadsIsCalledNotContained();
  void whatTheSettingsAllowIsNoAlarm();
  void theIconShowsWhatMattersMost();
  void theIconCanBeSeenOnTheBarOfGnome();
};

void ModelTest::hostileTextIsShownEscaped_data() {
  QTest::addColumn<QString>("foreign");
  QTest::addColumn<QString>("shown");
  QTest::newRow("plain") << "HOLIDAY 2026" << "HOLIDAY 2026";
  QTest::newRow("markup stays text") << "<b>x</b>&amp;" << "<b>x</b>&amp;";
  QTest::newRow("line") << "a\nb" << "a\\nb";
  QTest::newRow("direction") << QString::fromUtf8("a\u202egnp.exe") << "a\\u{202e}gnp.exe";
  QTest::newRow("invisible") << QString::fromUtf8("a\u200bb") << "a\\u{200b}b";
  QTest::newRow("wide space") << QString::fromUtf8("a\u3000b") << "a\\u{3000}b";
  QTest::newRow("escape") << "\x1b[31m" << "\\u{1b}[31m";
  QTest::newRow("letters of the world")
      << QString::fromUtf8("Fotos Übung 写真") << QString::fromUtf8("Fotos Übung 写真");
}

void ModelTest::hostileTextIsShownEscaped() {
  QFETCH(QString, foreign);
  QFETCH(QString, shown);
  QCOMPARE(visible(foreign), shown);
  QCOMPARE(nameOf(made("mounted", {{"Label", foreign}})), shown);
}

void ModelTest::longTextIsCut() {
  const QString shown = nameOf(made("mounted", {{"Label", QString(100'000, u'x')}}));
  QVERIFY(shown.size() < 100);
  QVERIFY(shown.endsWith(QChar(0x2026)));
}

void ModelTest::propertiesOfTheWrongTypeAreNotTaken() {
  Volume volume = made("mounted");
  volume.apply({{"Label", 7}, {"Size", "big"}, {"State", 3}, {"Death", "no"}, {"Other", true}});
  QCOMPARE(volume.label, QStringLiteral("HOLIDAY"));
  QCOMPARE(volume.size, quint64{16} << 30U);
  QCOMPARE(volume.state, State::kMounted);
}

void ModelTest::unknownStatesAreSaidToBeUnknown() {
  const Volume volume = made("levitating");
  QCOMPARE(volume.state, State::kUnknown);
  QCOMPARE(stateWord(volume), QStringLiteral("unknown"));
  QVERIFY(verbsFor(volume, kMe).empty());
}

void ModelTest::deadMountsComeFirst() {
  VolumeModel model;
  SortedVolumes sorted(model);
  model.addObject(volumePath("a"), asVolume(stick("a", "mounted", {{"Label", "AAA"}})));
  model.addObject(volumePath("r"), asVolume(stick("r", "refused", {{"Label", "RRR"}})));
  model.addObject(volumePath("z"), asVolume(stick("z", "mounted", {{"Label", "ZZZ"}})));
  QCOMPARE(sorted.paths().first(), volumePath("r"));
  model.changeObject(volumePath("z"), kVolume, {{"State", "dead"}});
  QCOMPARE(sorted.paths(), QStringList({volumePath("z"), volumePath("r"), volumePath("a")}));
  model.changeObject(volumePath("z"), kVolume, {{"State", "mounted"}});
  QCOMPARE(sorted.paths(), QStringList({volumePath("r"), volumePath("a"), volumePath("z")}));
}

void ModelTest::whatIsLeftAloneIsShownOnlyOnDemand() {
  VolumeModel model;
  SortedVolumes sorted(model);
  model.addObject(volumePath("sda"), asVolume(stick("sda", "ignored")));
  QCOMPARE(sorted.rowCount(), 0);
  QCOMPARE(model.summary().shown, 0);
  sorted.setShowAll(true);
  QCOMPARE(sorted.rowCount(), 1);
}

void ModelTest::aHundredMediaComeChangeAndGo() {
  VolumeModel model;
  SortedVolumes sorted(model);
  for (int i = 0; i < 100; ++i)
    model.addObject(
        volumePath(QString::number(i)),
        asVolume(stick(QString::number(i), "mounted", {{"Label", QString::number(i)}})));
  QCOMPARE(model.summary().mounted, 100);
  QCOMPARE(sorted.rowCount(), 100);
  for (int i = 0; i < 100; i += 2)
    model.changeObject(volumePath(QString::number(i)), kVolume, {{"State", "dead"}});
  QCOMPARE(model.summary().dead, 50);
  for (int i = 0; i < 100; ++i) model.removeObject(volumePath(QString::number(i)), {kVolume});
  QCOMPARE(sorted.rowCount(), 0);
}

void ModelTest::aSnapshotReplacesEverythingAndIsNoNews() {
  VolumeModel model;
  model.addObject(volumePath("old"), asVolume(stick("old", "mounted")));
  QSignalSpy news(&model, &VolumeModel::volumeChanged);
  QSignalSpy leaving(&model, &VolumeModel::volumeGone);
  model.replaceAll(
      {{volumePath("new"), asVolume(stick("new", "dead"))}, {"/org/airlock1", {{kManager, {}}}}});
  QCOMPARE(model.rowCount(), 1);
  QCOMPARE(model.find(volumePath("new"))->state, State::kDead);
  QCOMPARE(model.find(volumePath("old")), nullptr);
  QCOMPARE(news.count() + leaving.count(), 0);
}

void ModelTest::jobsShowInTheirVolume() {
  VolumeModel model;
  model.addObject(volumePath("b"), asVolume(stick("b", "unmounting")));
  model.addObject("/org/airlock1/jobs/1", asJob(volumePath("b"), "unmount", 312'000'000));
  const Volume* volume = model.find(volumePath("b"));
  QVERIFY(isBusy(*volume) && volume->job);
  QVERIFY(progressSentence(*volume).contains("312.0 MB"));
  QVERIFY(progressSentence(*volume).contains("do not unplug"));
  model.changeObject("/org/airlock1/jobs/1", kJob, {{"BytesLeft", quint64{5'000'000}}});
  QVERIFY(progressSentence(*model.find(volumePath("b"))).contains("5.0 MB"));
  model.removeObject("/org/airlock1/jobs/1", {kJob});
  QVERIFY(!model.find(volumePath("b"))->job);
  QVERIFY(progressSentence(*model.find(volumePath("b"))).contains("do not unplug"));
}

void ModelTest::anEjectSaysWhatItsUnmountKnows() {
  VolumeModel model;
  model.addObject(volumePath("b"), asVolume(stick("b", "unmounting")));
  model.addObject("/org/airlock1/jobs/8", asJob(volumePath("b"), "unmount", 312'000'000));
  model.addObject("/org/airlock1/jobs/9", asJob(volumePath("b"), "eject", 0));
  QVERIFY(progressSentence(*model.find(volumePath("b"))).contains("312.0 MB"));
  model.removeObject("/org/airlock1/jobs/8", {kJob});
  model.changeObject(volumePath("b"), kVolume, {{"State", "available"}});
  QVERIFY(progressSentence(*model.find(volumePath("b"))).contains("do not unplug"));
  model.removeObject("/org/airlock1/jobs/9", {kJob});
  QVERIFY(!isBusy(*model.find(volumePath("b"))));
}

void ModelTest::everyDeathIsASentence_data() {
  QTest::addColumn<QVariantMap>("death");
  QTest::addColumn<QString>("part");
  const auto row = [](const char* name, const QVariantMap& death, const char* part) {
    QTest::newRow(name) << death << QString::fromLatin1(part);
  };
  row("crash", {{"kind", "signal"}, {"signal", qint64{SIGSEGV}}}, "crashed while it served");
  row("named", {{"kind", "signal"}, {"signal", qint64{SIGSEGV}}}, "(SIGSEGV)");
  row("killed", {{"kind", "signal"}, {"signal", qint64{SIGKILL}}}, "killed (SIGKILL)");
  row("strange signal", {{"kind", "signal"}, {"signal", qint64{-9}}}, "signal -9");
  row("exit", {{"kind", "exit"}, {"exit-code", qint64{3}}}, "exit code 3");
  row("call", {{"kind", "forbidden-call"}, {"system-call", "socket"}}, "(socket)");
  row("memory", {{"kind", "out-of-memory"}}, "memory");
  row("hang", {{"kind", "hang"}}, "stopped answering");
  row("flood", {{"kind", "flood"}}, "flooded the system");
  row("new kind", {{"kind", "boredom"}, {"cause", "went\nhome"}}, "went\\nhome");
  row("nothing", {}, "for an unknown reason");
}

void ModelTest::everyDeathIsASentence() {
  QFETCH(QVariantMap, death);
  QFETCH(QString, part);
  const QString sentence = deathSentence(made("dead", {{"Death", death}}));
  QVERIFY2(sentence.contains(part), qPrintable(sentence));
  QVERIFY(sentence.startsWith("The ext4 driver") && sentence.endsWith(u'.'));
}

void ModelTest::verbsFitTheState() {
  const Volume mounted = made("mounted");
  for (const Verb verb : {Verb::kOpen, Verb::kUnmount, Verb::kEject, Verb::kPowerOff})
    QVERIFY(offers(mounted, verb));
  QVERIFY(!offers(mounted, Verb::kMount));
  const Volume available = made("available");
  QVERIFY(offers(available, Verb::kMount) && offers(available, Verb::kMountReadOnly));
  QVERIFY(!offers(made("available", {{"Usage", "crypto"}}), Verb::kMount));
  QVERIFY(!offers(made("available", {{"WriteProtected", true}}), Verb::kMount));
  const Volume dead = made("dead");
  for (const Verb verb : {Verb::kRecoverReadOnly, Verb::kRecover, Verb::kDetach})
    QVERIFY(offers(dead, verb));
  QVERIFY(!offers(dead, Verb::kEject));
  QVERIFY(verbsFor(made("unmounting"), kMe).empty());
}

void ModelTest::checkAndRepairNeedAnAirlockdThatOffersThem() {
  QVERIFY(!offers(made("available"), Verb::kCheck));
  const Surroundings newer = {.uid = 1000, .extras = {"Check", "Repair"}};
  QVERIFY(offers(made("available"), Verb::kCheck, newer));
  QVERIFY(offers(made("available"), Verb::kRepair, newer));
  QVERIFY(!offers(made("mounted"), Verb::kRepair, newer));
}

void ModelTest::whatACheckerFoundIsSaid() {
  QVERIFY(checkSentence(made("available")).isEmpty());
  const QVariantMap result = {{"summary", "nothing\nto repair"}, {"checker", "e2fsck 1.47.0"}};
  const QString sentence = checkSentence(made("available", {{"LastCheck", result}}));
  QVERIFY(sentence.startsWith("Nothing\\nto repair. (e2fsck 1.47.0, "));
}

void ModelTest::otherPeoplesMountsAreNotOpened() {
  QVERIFY(!offers(made("mounted", {{"MountedFor", 1001U}}), Verb::kOpen));
  QVERIFY(!offers(made("mounted", {{"MountPoint", "relative"}}), Verb::kOpen));
}

void ModelTest::newsAreToldOncePerEvent() {
  const auto told = [](const char* before, const char* now, const QVariantMap& more = {}) {
    return newsOf(made(before), made(now, more), kMe, "on");
  };
  QCOMPARE(told("mounting", "mounted")->event, Event::kMounted);
  QVERIFY(!told("mounted", "mounted"));
  QVERIFY(!told("mounted", "available"));  // only airlockd's own unmount is known to be complete
  QCOMPARE(told("mounted", "dead", crashed(SIGSEGV))->event, Event::kCrashed);
  QVERIFY(told("mounted", "dead", crashed(SIGSEGV))->urgent);
  QCOMPARE(told("mounted", "gone")->event, Event::kPulledOut);
  QCOMPARE(told("probing", "refused", {{"StateReason", "no"}})->text, QStringLiteral("No."));
  QCOMPARE(newsOfLeaving(made("mounted"))->event, Event::kPulledOut);
  QVERIFY(!newsOfLeaving(made("available")));
}

void ModelTest::onlyWhatAirlockdCallsSafeIsToldAsSafe() {
  const auto told = [](const QString& outcome, const QString& summary) {
    Volume now = made("available", {{"StateReason", "whatever the words are"}});
    now.apply({{"LastUnmount", QVariantMap{{"outcome", outcome}, {"summary", summary}}}});
    now.pending = true;  // the answer to Unmount comes after the change
    return newsOf(made("unmounting"), now, kMe, "on");
  };
  QCOMPARE(told("safe", "unmounted; it can be removed safely")->event, Event::kSafe);
  const auto warning = told("incomplete", "unmounted: the latest\nchanges may be lost");
  QCOMPARE(warning->event, Event::kRefused);
  QCOMPARE(warning->text, QStringLiteral("Unmounted: the latest\\nchanges may be lost."));
  QVERIFY(!told("drive-in-use", "unmounted, but sdb2 on the same drive is in use"));
  QVERIFY(!told("unknown", "unmounted by another program"));
  QVERIFY(!told("of a newer airlockd", "unmounted"));
  QVERIFY(!newsOf(made("unmounting"), made("available"), kMe, "on"));
}

void ModelTest::anEjectedDriveIsSafeOnlyIfAllOfItWasWritten() {
  const auto part = [](const QString& drive, const QString& outcome) {
    Volume volume = made("available", {{"Drive", drive}});
    if (!outcome.isEmpty())
      volume.apply({{"LastUnmount", QVariantMap{{"outcome", outcome}, {"summary", "it died"}}}});
    return volume;
  };
  const Volume fine = part("sdb", "");
  QCOMPARE(ejected(fine, {}).event, Event::kSafe);
  QCOMPARE(ejected(part("sdb", "safe"), {fine}).event, Event::kSafe);
  QCOMPARE(ejected(fine, {part("sdc", "incomplete")}).event, Event::kSafe);
  for (const auto* outcome : {"incomplete", "unknown", "of a newer airlockd"}) {
    QCOMPARE(ejected(part("sdb", outcome), {}).event, Event::kRefused);
    QCOMPARE(ejected(fine, {part("sdb", outcome)}).event, Event::kRefused);
    QCOMPARE(ejected(fine, {part("sdb", outcome)}).text, QStringLiteral("It died."));
  }
}

void ModelTest::howItWasUnmountedIsForgottenWithTheNextMount() {
  Volume volume = made("available", {{"LastUnmount", QVariantMap{{"outcome", "safe"}}}});
  volume.apply({{"State", "mounting"}, {"LastUnmount", QVariantMap()}});
  QVERIFY(volume.lastUnmount.outcome.isEmpty());
}

void ModelTest::newsDependOnAutomount() {
  QVERIFY(!newsOf(made("probing"), made("available"), kMe, "on"));
  const auto news = newsOf(made("probing"), made("available"), kMe, "ask");
  QVERIFY(news && news->event == Event::kPlugged);
  QCOMPARE(news->verbs, (std::vector{Verb::kMount, Verb::kMountReadOnly, Verb::kEject}));
}

void ModelTest::aReplacedDriverIsQuietNews() {
  const auto healed = [](qint64 count) {
    return made("mounted", {{"Healed", QVariantMap{{"count", count}, {"cause", "was killed"}}}});
  };
  const auto first = newsOf(made("mounted"), healed(1), kMe, "on");
  QVERIFY(first && first->event == Event::kHealed && !first->urgent && first->verbs.empty());
  QVERIFY(!newsOf(healed(1), healed(1), kMe, "on"));
  QVERIFY(newsOf(healed(1), healed(2), kMe, "on"));
  QVERIFY(!needsAttention(healed(2)));
}

void ModelTest::whatTheKernelReadsIsCalledNotContained() {
  const Volume before = made("available");
  const QVariantMap mount = {{"mount-point", "/mnt/<b>"}, {"type", "vfat"}, {"read-only", false}};
  const Volume now = made("available", {{"Uncontained", mount}});
  QVERIFY(!isUncontained(before));
  QCOMPARE(sentenceFor(now),
           QStringLiteral("NOT contained: another program mounted it on /mnt/<b> as vfat."));
  QCOMPARE(stateWord(now), QStringLiteral("NOT contained"));
  QVERIFY(needsAttention(now));
  // None of them could work.
  QCOMPARE(verbsFor(now, kMe), std::vector<Verb>());
  QCOMPARE(newsOf(before, now, kMe, "on")->event, Event::kUncontained);
  QVERIFY(!newsOf(now, now, kMe, "on"));
  Volume after = now;
  after.apply({{"Uncontained", QVariantMap()}});
  QVERIFY(!newsOf(now, after, kMe, "on"));
  QVERIFY(!verbsFor(after, kMe).empty());
}

void ModelTest::whatTheSettingsAllowIsNoAlarm() {
  const Volume before = made("available");
  const QVariantMap mount = {{"mount-point", "/mnt"}, {"type", "vfat"}, {"setting", "allow"}};
  const Volume now = made("available", {{"Uncontained", mount}});
  QVERIFY(isUncontained(now) && !needsAttention(now));
  QCOMPARE(sentenceFor(now), QStringLiteral("Another program mounted it on /mnt as vfat."));
  QCOMPARE(verbsFor(now, kMe), std::vector<Verb>());
  QVERIFY(!newsOf(before, now, kMe, "on"));
  Volume refused = now;
  refused.apply({{"Uncontained", QVariantMap{{"mount-point", "/mnt"}, {"setting", "refuse"}}}});
  QCOMPARE(newsOf(now, refused, kMe, "on")->event, Event::kUncontained);
}

void ModelTest::theIconShowsWhatMattersMost() {
  VolumeModel model;
  QCOMPARE(moodOf(model.summary()), Mood::kEmpty);
  model.addObject(volumePath("a"), asVolume(stick("a", "available")));
  QCOMPARE(moodOf(model.summary()), Mood::kPlugged);
  model.addObject(volumePath("b"), asVolume(stick("b", "mounted")));
  QCOMPARE(moodOf(model.summary()), Mood::kMounted);
  model.addObject(volumePath("c"), asVolume(stick("c", "waiting")));
  QCOMPARE(moodOf(model.summary()), Mood::kAttention);
  model.changeObject(volumePath("b"), kVolume, {{"State", "unmounting"}});
  QCOMPARE(moodOf(model.summary()), Mood::kBusy);
  model.changeObject(volumePath("a"), kVolume, {{"State", "dead"}});
  QCOMPARE(moodOf(model.summary()), Mood::kAttention);
}

void ModelTest::theIconCanBeSeenOnTheBarOfGnome() {
  const QColor black(Qt::black);
  QCOMPARE(inkOfThePanel("ubuntu:GNOME", black), QColor(Qt::white));
  QCOMPARE(inkOfThePanel("KDE", black), black);
  QCOMPARE(inkOfThePanel({}, black), black);
}

}  // namespace airlock::ui

QTEST_GUILESS_MAIN(airlock::ui::ModelTest)
#include "model_test.moc"
