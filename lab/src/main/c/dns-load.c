// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
// Asks a DNS server for addresses of service-N.bench.svc.cluster.local, N at random, and prints
// answers a second, the median and 99th percentile of round trips in microseconds, how many
// questions stayed without an answer, and how many answers were no address.
//   dns-load ADDRESS PORT NAMES AT_ONCE SECONDS [RATE]
// AT_ONCE questions are under way at any time; with RATE they are sent at that many a second
// instead, and AT_ONCE is only the most that may be under way.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, BYTES = 512, HEADER = 12, IDS = 1 << 16, SLOTS = 100000, SLOT_NANOS = 100 };
static const char SUFFIX[] = "\5bench\3svc\7cluster\5local";
static const int64_t LOST_NANOS = 200000000;

static unsigned char queries[BATCH][BYTES], answers[BATCH][BYTES];
static struct iovec out[BATCH], in[BATCH];
static struct mmsghdr sends[BATCH], receives[BATCH];
static int64_t sent_at[IDS]; // 0 for none under way
static uint64_t slots[SLOTS + 1];
static uint32_t seed = 1;
static uint64_t answered, lost, wrong;
static int next_id, under_way, oldest;

static int64_t now_nanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t chance(uint32_t below) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed % below;
}

static size_t question(unsigned char *to, int id, uint32_t names) {
  static const unsigned char head[] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  to[0] = (unsigned char)(id >> 8);
  to[1] = (unsigned char)id;
  memcpy(to + 2, head, sizeof head);
  int label = sprintf((char *)to + HEADER + 1, "service-%u", chance(names));
  to[HEADER] = (unsigned char)label;
  unsigned char *at = to + HEADER + 1 + label;
  memcpy(at, SUFFIX, sizeof SUFFIX); // with the root's zero octet
  at += sizeof SUFFIX;
  memcpy(at, "\0\1\0\1", 4);
  return (size_t)(at + 4 - to);
}

// Gives how many were sent.
static int ask(int fd, int count, uint32_t names) {
  int64_t now = now_nanos();
  int made = 0;
  while (made < count && made < BATCH && sent_at[next_id] == 0) {
    out[made].iov_len = question(queries[made], next_id, names);
    sent_at[next_id] = now;
    next_id = (next_id + 1) % IDS;
    made++;
  }
  under_way += made;
  for (int done = 0; done < made;) {
    int sent = sendmmsg(fd, sends + done, (unsigned)(made - done), 0);
    done += sent > 0 ? sent : 1;
  }
  return made;
}

static void take(int fd, int flags) {
  int got = recvmmsg(fd, receives, BATCH, flags, NULL);
  int64_t now = now_nanos();
  for (int i = 0; i < got; i++) {
    unsigned char *answer = answers[i];
    int id = answer[0] << 8 | answer[1];
    if (receives[i].msg_len < HEADER || sent_at[id] == 0) {
      continue;
    }
    int64_t slot = (now - sent_at[id]) / SLOT_NANOS;
    slots[slot < SLOTS ? slot : SLOTS]++;
    sent_at[id] = 0;
    under_way--;
    answered++;
    wrong += (answer[3] & 15) != 0 || answer[7] == 0;
  }
}

// Waits for an answer or for the time.
static void wait_until(int fd, int64_t when) {
  int64_t left = when - now_nanos();
  struct timespec most = {0, left < 0 ? 0 : left};
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  if (left > 0) {
    ppoll(&readable, 1, &most, NULL);
  }
}

static void give_up(int64_t now) {
  while (oldest != next_id && (sent_at[oldest] == 0 || now - sent_at[oldest] > LOST_NANOS)) {
    if (sent_at[oldest] != 0) {
      sent_at[oldest] = 0;
      under_way--;
      lost++;
    }
    oldest = (oldest + 1) % IDS;
  }
}

static double percentile(double part) {
  uint64_t below = 0;
  for (int i = 0; i <= SLOTS; i++) {
    below += slots[i];
    if ((double)below >= part * (double)answered) {
      return (i + 1) * (SLOT_NANOS / 1000.0);
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fputs("usage: dns-load ADDRESS PORT NAMES AT_ONCE SECONDS [RATE]\n", stderr);
    return 2;
  }
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  uint32_t names = (uint32_t)atoi(argv[3]);
  int at_once = atoi(argv[4]);
  double rate = argc > 6 ? atof(argv[6]) : 0;
  int room = 1 << 20;
  struct timeval patience = {0, 1000};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (names == 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
    perror("connect");
    return 1;
  }
  for (int i = 0; i < BATCH; i++) {
    out[i] = (struct iovec){queries[i], BYTES};
    in[i] = (struct iovec){answers[i], BYTES};
    sends[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    receives[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
  }
  int64_t start = now_nanos(), end = start + (int64_t)(atof(argv[5]) * 1e9);
  uint64_t asked = 0;
  int64_t now = start;
  while (now < end) {
    int free_places = at_once - under_way;
    if (rate > 0) {
      int64_t due = (int64_t)((double)(now - start) * rate / 1e9) - (int64_t)asked;
      free_places = due < free_places ? (int)due : free_places;
    }
    if (free_places > 0) {
      asked += (uint64_t)ask(fd, free_places, names);
    }
    if (rate > 0) {
      wait_until(fd, start + (int64_t)((double)(asked + 1) * 1e9 / rate));
    }
    take(fd, rate > 0 ? MSG_DONTWAIT : MSG_WAITFORONE);
    now = now_nanos();
    give_up(now);
  }
  double seconds = (double)(now - start) / 1e9;
  for (int64_t last = now + LOST_NANOS; now < last && under_way > 0; now = now_nanos()) {
    take(fd, MSG_WAITFORONE);
  }
  give_up(now + LOST_NANOS + 1);
  printf("%.0f %.1f %.1f %lu %lu\n", (double)answered / seconds, percentile(0.5), percentile(0.99), lost, wrong);
  return 0;
}
