// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-tray: options, languages, the one instance; no logic.
#include <QApplication>
#include <QCommandLineParser>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

#include "ui/application.h"
#include "ui/icons.h"
#include "ui/single_instance.h"

namespace {

using airlock::ui::Application;
using airlock::ui::SingleInstance;

// Nothing here draws with OpenGL, and loading it costs more memory than everything else together.
void leaveOpenGlOut() {
  if (!qEnvironmentVariableIsSet("QT_XCB_GL_INTEGRATION")) qputenv("QT_XCB_GL_INTEGRATION", "none");
}

// Without one, Qt would abort() and advise to reinstall it.
bool hasDisplay(std::span<char*> words) {
  const auto isSet = [](const char* name) { return qEnvironmentVariableIsSet(name); };
  const auto names = {"DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "QT_QPA_PLATFORM"};
  return std::ranges::any_of(names, isSet) || std::ranges::any_of(words, [](std::string_view word) {
           if (word.starts_with("--")) word.remove_prefix(1);
           return word.starts_with("-platform") || word == "-display";
         });
}

void install(QTranslator& translator, const QString& name, const QString& folder) {
  // English must be loaded too, for its plurals.
  if (translator.load(QLocale(), name, QStringLiteral("_"), folder) ||
      translator.load(name + QStringLiteral("_en"), folder))
    QCoreApplication::installTranslator(&translator);
}

}  // namespace

int main(int argc, char** argv) {
  if (!hasDisplay({argv, static_cast<std::size_t>(argc)})) {
    (void)std::fputs("airlock-tray: there is no display here; airlockctl needs none\n", stderr);
    return EXIT_FAILURE;
  }
  leaveOpenGlOut();
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName(QStringLiteral("airlock"));
  QCoreApplication::setApplicationName(QStringLiteral("airlock-tray"));
  QCoreApplication::setApplicationVersion(QStringLiteral(AIRLOCK_VERSION));
  QGuiApplication::setDesktopFileName(QStringLiteral("org.airlock1.Tray"));
  QApplication::setWindowIcon(airlock::ui::programIcon());
  QApplication::setQuitOnLastWindowClosed(false);
  QTranslator ours;
  QTranslator ofQt;
  install(ours, QStringLiteral("airlock-tray"), QStringLiteral(":/i18n"));
  install(ofQt, QStringLiteral("qtbase"), QLibraryInfo::path(QLibraryInfo::TranslationsPath));

  QCommandLineParser parser;
  parser.setApplicationDescription(QCoreApplication::translate(
      "main", "Shows removable media and what Airlock does with them."));
  parser.addHelpOption();
  parser.addVersionOption();
  const QCommandLineOption inTray(QStringLiteral("tray"),
                                  QCoreApplication::translate("main", "Start without a window."));
  parser.addOption(inTray);
  parser.process(application);
  if (!parser.positionalArguments().isEmpty()) parser.showHelp(EXIT_FAILURE);
  const bool quiet = parser.isSet(inTray);

  SingleInstance instance;
  std::unique_ptr<Application> running;
  QObject::connect(&instance, &SingleInstance::first, &application, [&] {
    running = std::make_unique<Application>(quiet ? Application::Start::kInTray
                                                  : Application::Start::kWithWindow);
    running->begin();
  });
  QObject::connect(&instance, &SingleInstance::second, &application, &QCoreApplication::quit);
  QObject::connect(&instance, &SingleInstance::activated, &application, [&] {
    if (running) running->presentWindow();
  });
  instance.claim(quiet ? SingleInstance::Manner::kStayQuiet : SingleInstance::Manner::kShowWindow);
  return QApplication::exec();
}
