// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
// Loads a TCP path and prints what it carried.
//   net-load server PORT                                 until it is ended
//   net-load throughput ADDRESS PORT STREAMS SECONDS     Gbit/s received by the server
//   net-load round-trips ADDRESS PORT SECONDS            round trips of one byte a second
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, MOST_STREAMS = 64 };
static const char SINK[] = {'0', '1'}; // and on which core to receive
static const char ECHO = 'e';

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Who moves from core to core measures where it was moved. Where there is no second core, nobody can.
static void stay_on_core(int core) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  sched_setaffinity(0, sizeof only, &only);
}

static void no_delay(int connection) {
  int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void *answer(void *argument) {
  int connection = (int)(intptr_t)argument;
  char *buffer = malloc(CHUNK);
  char mode = 0;
  no_delay(connection);
  if (buffer && read(connection, &mode, 1) == 1) {
    uint64_t count = 0;
    ssize_t got;
    if (mode != ECHO) {
      stay_on_core(mode == SINK[1]);
      while ((got = read(connection, buffer, CHUNK)) > 0) {
        count += (uint64_t)got;
      }
      if (write(connection, &count, sizeof count) != sizeof count) {
        perror("write");
      }
    } else {
      // Round trips between two cores cost what waking one costs, which on a virtual machine is anything.
      stay_on_core(0);
      while ((got = read(connection, buffer, CHUNK)) > 0 && write(connection, buffer, (size_t)got) == got) {
      }
    }
  }
  free(buffer);
  close(connection);
  return NULL;
}

static int serve(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 1024)) {
    perror("listen");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    pthread_t thread;
    if (connection < 0) {
      continue;
    }
    if (pthread_create(&thread, NULL, answer, (void *)(intptr_t)connection)) {
      close(connection);
    } else {
      pthread_detach(thread);
    }
  }
}

static int dial(const char *address, int port, char mode) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) {
    fprintf(stderr, "%s is not an IPv4 address\n", address);
    exit(1);
  }
  if (connection < 0 || connect(connection, (struct sockaddr *)&peer, sizeof peer)) {
    perror("connect");
    exit(1);
  }
  no_delay(connection);
  if (write(connection, &mode, 1) != 1) {
    perror("write");
    exit(1);
  }
  return connection;
}

struct stream {
  int connection;
  int core;
  double until;
  uint64_t received;
};

static void *pour(void *argument) {
  struct stream *stream = argument;
  char *buffer = calloc(1, CHUNK);
  uint64_t received = 0;
  stay_on_core(stream->core);
  while (buffer && now_seconds() < stream->until) {
    if (write(stream->connection, buffer, CHUNK) < 0) {
      perror("write");
      exit(1);
    }
  }
  shutdown(stream->connection, SHUT_WR);
  if (read(stream->connection, &received, sizeof received) != sizeof received) {
    fprintf(stderr, "the server did not say what it received\n");
    exit(1);
  }
  stream->received = received;
  free(buffer);
  return NULL;
}

static int throughput(const char *address, int port, int streams, double seconds) {
  struct stream all[MOST_STREAMS];
  pthread_t threads[MOST_STREAMS];
  uint64_t bytes = 0;
  double from;
  if (streams < 1 || streams > MOST_STREAMS) {
    fprintf(stderr, "1 to %d streams\n", MOST_STREAMS);
    return 2;
  }
  for (int i = 0; i < streams; i++) {
    all[i].core = i % 2; // and the server's end on the other
    all[i].connection = dial(address, port, SINK[1 - all[i].core]);
  }
  from = now_seconds();
  for (int i = 0; i < streams; i++) {
    all[i].until = from + seconds;
    if (pthread_create(&threads[i], NULL, pour, &all[i])) {
      return 1;
    }
  }
  for (int i = 0; i < streams; i++) {
    pthread_join(threads[i], NULL);
    bytes += all[i].received;
  }
  printf("%.3f\n", (double)bytes * 8 / 1e9 / (now_seconds() - from));
  return 0;
}

static int round_trips(const char *address, int port, double seconds) {
  int connection = dial(address, port, ECHO);
  char byte = 'x';
  long count = 0;
  stay_on_core(0);
  double from = now_seconds();
  double elapsed = 0;
  while (elapsed < seconds) {
    if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1) {
      perror("round trip");
      return 1;
    }
    count++;
    elapsed = now_seconds() - from;
  }
  printf("%.1f\n", (double)count / elapsed);
  return 0;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && !strcmp(argv[1], "server")) {
    return serve(atoi(argv[2]));
  }
  if (argc == 6 && !strcmp(argv[1], "throughput")) {
    return throughput(argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
  }
  if (argc == 5 && !strcmp(argv[1], "round-trips")) {
    return round_trips(argv[2], atoi(argv[3]), atof(argv[4]));
  }
  fprintf(stderr, "usage: net-load server PORT | throughput ADDRESS PORT STREAMS SECONDS | round-trips ADDRESS PORT SECONDS\n");
  return 2;
}
