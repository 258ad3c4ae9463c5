// SPDX-License-Identifier: Apache-2.0
// Opens and closes TCP connections one after another and prints how many a second it made.
//   connect-rate client ADDRESS PORT SECONDS
//   connect-rate server PORT        accepts and closes until it is ended
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int serve(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 1024)) {
    return fail("listen");
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection >= 0) {
      close(connection);
    }
  }
}

// The client resets instead of lingering in TIME_WAIT, or it would run out of ports.
static int connect_for(const char *address, int port, double seconds) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  long count = 0;
  double from = now_seconds();
  double elapsed = 0;
  if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) {
    fprintf(stderr, "%s is not an IPv4 address\n", address);
    return 1;
  }
  while (elapsed < seconds) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&peer, sizeof peer)) {
      return fail("connect");
    }
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(connection);
    count++;
    elapsed = now_seconds() - from;
  }
  printf("%.1f\n", (double)count / elapsed);
  return 0;
}

// Both ends on one core: to wake another costs anything on a virtual machine.
static void stay_on_first_core(void) {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
}

int main(int argc, char **argv) {
  stay_on_first_core();
  if (argc == 3 && !strcmp(argv[1], "server")) {
    return serve(atoi(argv[2]));
  }
  if (argc == 5 && !strcmp(argv[1], "client")) {
    return connect_for(argv[2], atoi(argv[3]), atof(argv[4]));
  }
  fprintf(stderr, "usage: connect-rate client ADDRESS PORT SECONDS | server PORT\n");
  return 2;
}
