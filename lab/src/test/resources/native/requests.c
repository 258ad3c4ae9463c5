// SPDX-License-Identifier: Apache-2.0
//
// requests serve PORT             answers an octet with one and closes, as a good server in a pod
//                                 does: after SIGTERM it takes what waits to be taken, ends what it
//                                 has begun, and ends
// requests ask IPV4 PORT RATE     asks so often a second, each time by a new connection, until
//                                 SIGTERM; then says how many were answered, and what failed.
//
// The server closes first. Were it the client, by a reset, so as not to run out of ports: the
// kernel's connection tracking may remember a connection that was reset for ten seconds, with the
// endpoint it was translated to, and send the next one of the same port there, which may be gone
// (nf_conntrack_proto_tcp.c: a SYN begins anew if the last packet was the reset, which it is not if
// the server was so slow that something was sent twice).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, MOST = 512, PATIENCE_SECONDS = 30, LAST_WORDS_SECONDS = 5 };

static volatile sig_atomic_t ending;

static void end(int signal) {
  (void)signal;
  ending = 1;
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int die(const char *what) {
  perror(what);
  exit(2);
}

static struct sockaddr_in address(const char *host, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    die(host);
  }
  return address;
}

static void watch(int epoll, int fd, int events, int how) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll, how, fd, &event) != 0) {
    die("epoll_ctl");
  }
}

static int serve(const char *port) {
  struct sockaddr_in any = address("0.0.0.0", port);
  int on = 1;
  int clients = 0;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int epoll = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) != 0 || listen(listener, 1024) != 0) {
    die("listen");
  }
  watch(epoll, listener, EPOLLIN, EPOLL_CTL_ADD);
  long long deadline = 0;
  while (!deadline || (clients > 0 && now() < deadline)) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, 100);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      char octet[8];
      ssize_t got;
      if (fd == listener) {
        continue;
      }
      got = read(fd, octet, sizeof octet);
      if (got > 0 && write(fd, octet, got) != got) {
        perror("answer");
      }
      close(fd);
      clients--;
    }
    while (!deadline) {
      int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      if (client < 0) {
        break;
      }
      clients++;
      watch(epoll, client, EPOLLIN, EPOLL_CTL_ADD);
    }
    if (ending && !deadline) {
      close(listener);
      deadline = now() + LAST_WORDS_SECONDS * 1000000000LL;
    }
  }
  return 0;
}

static long long answered;
static long long failed;
static int open_requests;
static long long begun_at[65536];
static char has_answer[65536];

static void finish(int fd, const char *failure, int error) {
  close(fd);
  begun_at[fd] = 0;
  has_answer[fd] = 0;
  open_requests--;
  if (!failure) {
    answered++;
  } else if (failed++ < 20) {
    printf("%s: %s\n", failure, strerror(error));
  }
}

static void ask(int epoll, const struct sockaddr_in *to) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || fd >= 65536) {
    die("socket");
  }
  begun_at[fd] = now();
  open_requests++;
  watch(epoll, fd, EPOLLOUT, EPOLL_CTL_ADD);
  if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
    finish(fd, "connect", errno);
  }
}

static void go_on(int epoll, const struct epoll_event *event) {
  int fd = event->data.fd;
  int error = 0;
  socklen_t size = sizeof error;
  char octet[8] = {1};
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (event->events & EPOLLIN) {
    ssize_t got = error ? -1 : read(fd, octet, sizeof octet);
    if (got > 0) {
      has_answer[fd] = 1;
    } else {
      finish(fd, has_answer[fd] ? NULL : got == 0 ? "closed before the answer" : "answer",
             error ? error : got < 0 ? errno : 0);
    }
  } else if (error || event->events & (EPOLLERR | EPOLLHUP)) {
    finish(fd, "connect", error);
  } else if (write(fd, octet, 1) != 1) {
    finish(fd, "question", errno);
  } else {
    watch(epoll, fd, EPOLLIN, EPOLL_CTL_MOD);
  }
}

static int ask_all(const char *host, const char *port, const char *rate) {
  struct sockaddr_in to = address(host, port);
  int epoll = epoll_create1(0);
  double nanos_each = 1e9 / atof(rate);
  long long next = now();
  while (!ending || open_requests > 0) {
    struct epoll_event events[EVENTS];
    long long time = now();
    if (next < time - 100 * nanos_each) {
      next = time;  // what could not be asked in time is not made up for
    }
    while (!ending && next <= time && open_requests < MOST) {
      ask(epoll, &to);
      next += nanos_each;
    }
    int count = epoll_wait(epoll, events, EVENTS, 1);
    for (int i = 0; i < count; i++) {
      go_on(epoll, &events[i]);
    }
    for (int fd = 0; fd < 2 * MOST; fd++) {
      if (begun_at[fd] && time - begun_at[fd] > PATIENCE_SECONDS * 1000000000LL) {
        finish(fd, "no answer in time", ETIMEDOUT);
      }
    }
  }
  printf("%lld answered, %lld failed\n", answered, failed);
  return failed ? 1 : 0;
}

int main(int count, char **words) {
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  if (count == 3 && strcmp(words[1], "serve") == 0) {
    return serve(words[2]);
  }
  if (count == 5 && strcmp(words[1], "ask") == 0) {
    return ask_all(words[2], words[3], words[4]);
  }
  fprintf(stderr, "usage: requests serve PORT | requests ask IPV4 PORT RATE\n");
  return 2;
}
