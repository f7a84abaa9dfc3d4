// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/stop_on_terminate.h"

#include <signal.h>
#include <sys/time.h>

#include <atomic>

namespace airlock {
namespace {

std::atomic<FuseServer*> server_to_stop = nullptr;

// alarm() is a system call of its own on some machines; this is the same one everywhere.
void set_alarm(time_t seconds) {
  const itimerval once = {.it_interval = {}, .it_value = {.tv_sec = seconds, .tv_usec = 0}};
  (void)::setitimer(ITIMER_REAL, &once, nullptr);
}

// A signal between the look at the flag and the read that waits would be noticed only with the
// next request, so it comes again until the driver has stopped.
void on_terminate(int) {
  if (FuseServer* const server = server_to_stop; server != nullptr) server->stop();
  set_alarm(1);
}

void handle_with(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;  // without SA_RESTART, so that a waiting read returns
  (void)::sigaction(SIGTERM, &action, nullptr);
  (void)::sigaction(SIGALRM, &action, nullptr);
}

}  // namespace

StopOnTerminate::StopOnTerminate(FuseServer& server) {
  server_to_stop = &server;
  handle_with(on_terminate);
}

StopOnTerminate::~StopOnTerminate() {
  handle_with(SIG_IGN);
  server_to_stop = nullptr;
  set_alarm(0);
}

}  // namespace airlock
