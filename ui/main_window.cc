// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/main_window.h"

#include <QCloseEvent>
#include <QLabel>
#include <QListView>
#include <QMenuBar>
#include <QMessageBox>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "ui/colors.h"
#include "ui/icons.h"
#include "ui/notice.h"
#include "ui/sorted_volumes.h"
#include "ui/visible_text.h"
#include "ui/volume_delegate.h"
#include "ui/volume_model.h"
#include "ui/volume_panel.h"
#include "ui/wording.h"

namespace airlock::ui {
namespace {

constexpr QSize kUsualSize(880, 560);
constexpr int kListWidth = 300;

}  // namespace

MainWindow::MainWindow(Client& client, VolumeModel& model, Performer& performer)
    : m_client(client),
      m_model(model),
      m_order(new SortedVolumes(model, this)),
      m_banner(new Notice(kCaution, this)),
      m_list(new QListView(this)),
      m_right(new QStackedWidget(this)),
      m_nothing(new QLabel(this)),
      m_panel(new VolumePanel(client, performer, this)) {
  setWindowTitle(tr("Airlock"));
  setObjectName(QStringLiteral("main-window"));
  resize(kUsualSize);
  m_banner->setObjectName(QStringLiteral("banner"));
  m_list->setModel(m_order);
  m_list->setItemDelegate(new VolumeDelegate(m_list));
  m_list->setUniformItemSizes(true);
  m_list->setAccessibleName(tr("Media"));
  m_list->setObjectName(QStringLiteral("media"));
  m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_list->setMinimumWidth(kListWidth * 2 / 3);
  m_nothing->setAlignment(Qt::AlignCenter);
  m_nothing->setTextFormat(Qt::PlainText);
  m_nothing->setWordWrap(true);
  m_right->addWidget(m_nothing);
  m_right->addWidget(m_panel);
  auto* splitter = new QSplitter(this);
  splitter->addWidget(m_list);
  splitter->addWidget(m_right);
  splitter->setSizes({kListWidth, kUsualSize.width() - kListWidth});
  splitter->setStretchFactor(1, 1);
  splitter->setChildrenCollapsible(false);
  auto* whole = new QWidget(this);
  auto* column = new QVBoxLayout(whole);
  column->addWidget(m_banner);
  column->addWidget(splitter, 1);
  setCentralWidget(whole);
  makeMenus();
  connect(m_list->selectionModel(), &QItemSelectionModel::currentChanged, this,
          &MainWindow::refresh);
  connect(&model, &VolumeModel::summaryChanged, this, &MainWindow::refresh);
  connect(&client, &Client::presenceChanged, this, &MainWindow::refreshBanner);
  refresh();
  refreshBanner();
}

QAction* MainWindow::addEntry(QMenu& menu, const QString& text, const QKeySequence& keys) {
  QAction* entry = menu.addAction(text);
  entry->setShortcut(keys);
  return entry;
}

void MainWindow::makeMenus() {
  QMenu* program = menuBar()->addMenu(tr("&Airlock"));
  connect(addEntry(*program, tr("&Settings…"), QKeySequence(Qt::CTRL | Qt::Key_Comma)),
          &QAction::triggered, this, &MainWindow::settingsWanted);
  program->addSeparator();
  connect(addEntry(*program, tr("&Close window"), QKeySequence::Close), &QAction::triggered, this,
          &QWidget::close);
  connect(addEntry(*program, tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q)), &QAction::triggered,
          this, &MainWindow::quitWanted);
  QMenu* view = menuBar()->addMenu(tr("&View"));
  QAction* all = view->addAction(tr("Also show media that Airlock leaves &alone"));
  all->setCheckable(true);
  connect(all, &QAction::toggled, this, [this](bool on) {
    m_order->setShowAll(on);
    refresh();
  });
  QMenu* help = menuBar()->addMenu(tr("&Help"));
  connect(help->addAction(tr("&About Airlock")), &QAction::triggered, this, &MainWindow::about);
}

void MainWindow::about() {
  QMessageBox box(this);
  box.setWindowTitle(tr("About Airlock"));
  box.setIconPixmap(programIcon().pixmap(64, 64));
  box.setTextFormat(Qt::PlainText);
  box.setText(tr("Airlock %1").arg(QCoreApplication::applicationVersion()));
  box.setInformativeText(
      tr("Mounts removable media without letting anything privileged read a byte of them."));
  box.exec();
}

void MainWindow::present(const QString& path) {
  setWindowState(windowState() & ~Qt::WindowMinimized);
  QMainWindow::show();
  raise();
  activateWindow();
  if (!path.isEmpty()) choose(path);
  m_list->setFocus();
}

QString MainWindow::chosen() const {
  return m_list->currentIndex().data(VolumeModel::PathRole).toString();
}

void MainWindow::choose(const QString& path) {
  for (int row = 0; row < m_order->rowCount(); ++row)
    if (const auto index = m_order->index(row, 0);
        index.data(VolumeModel::PathRole).toString() == path)
      m_list->setCurrentIndex(index);
}

void MainWindow::chooseSomething() {
  if (!m_list->currentIndex().isValid() && m_order->rowCount() > 0)
    m_list->setCurrentIndex(m_order->index(0, 0));
}

void MainWindow::refresh() {
  chooseSomething();
  const Volume* volume = m_model.find(chosen());
  m_right->setCurrentWidget(volume == nullptr ? static_cast<QWidget*>(m_nothing) : m_panel);
  if (volume != nullptr) return m_panel->show(*volume, m_around);
  m_nothing->setText(
      tr("Nothing is plugged in.\n\nPlug in a stick, a card or a disk, and it "
         "appears here."));
}

void MainWindow::refreshBanner() {
  QString sentence = m_settingsProblem;
  if (m_client.presence() == Client::Presence::kNoBus)
    sentence = tr("There is no connection to the system bus. Trying again…");
  if (m_client.presence() == Client::Presence::kNoDaemon)
    sentence = tr(
        "Airlock's service is not running. It starts automatically when a medium is plugged in.");
  m_banner->setSentence(sentence);
}

void MainWindow::setSurroundings(const Surroundings& around) {
  m_around = around;
  refresh();
}

void MainWindow::setSettingsProblem(const QString& problem) {
  m_settingsProblem =
      problem.isEmpty()
          ? QString()
          : tr("The settings have a mistake: %1").arg(visible(problem, kLongestProblem));
  refreshBanner();
}

void MainWindow::closeEvent(QCloseEvent* event) {
  event->accept();
  emit closed();
}

void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  emit shown();
}

}  // namespace airlock::ui
