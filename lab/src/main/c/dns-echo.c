// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
// The least that a DNS server can do: takes queries in batches and answers each with the same
// address, without looking at the name.
//   dns-echo ADDRESS PORT       until it is ended
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, BYTES = 512, HEADER = 12 };
static const unsigned char RECORD[] = {0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 32, 0, 1};

static unsigned char buffers[BATCH][BYTES];
static struct sockaddr_in names[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void answer(int i) {
  unsigned char *query = buffers[i];
  size_t length = messages[i].msg_len;
  if (length >= HEADER && length + sizeof RECORD <= BYTES) {
    query[2] = 0x84 | (query[2] & 1);
    query[3] = 0;
    query[7] = 1;
    memcpy(query + length, RECORD, sizeof RECORD);
    length += sizeof RECORD;
  }
  vectors[i].iov_len = length;
}

int main(int argc, char **argv) {
  int on = 1 << 20;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in here = {.sin_family = AF_INET};
  if (argc != 3 || inet_pton(AF_INET, argv[1], &here.sin_addr) != 1) {
    fputs("usage: dns-echo ADDRESS PORT\n", stderr);
    return 2;
  }
  here.sin_port = htons((uint16_t)atoi(argv[2]));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&here, sizeof here)) {
    perror("bind");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){buffers[i], BYTES};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &names[i], .msg_namelen = sizeof names[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < got; i++) {
      answer(i);
    }
    for (int sent = 0; sent < got;) {
      int now = sendmmsg(fd, messages + sent, (unsigned)(got - sent), 0);
      sent += now > 0 ? now : 1;
    }
  }
}
