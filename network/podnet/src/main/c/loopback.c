// SPDX-License-Identifier: Apache-2.0
// The CNI plugin `loopback`: brings `lo` up in the sandbox. containerd calls it for every sandbox, so
// it is done right here, without the agent.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fairway-cni.h"

// The path goes into the result as it is, so it may hold nothing that JSON would have to escape.
static int is_plain(const char *path) {
  for (; *path; path++) {
    if (*path < ' ' || *path > '~' || *path == '"' || *path == '\\') return 0;
  }
  return 1;
}

// A plugin later in a chain hands on what those before it did.
static void print_result(const char *netns) {
  const char *version = answer_version();
  const char *previous;
  size_t length;
  if (input_member("prevResult", &previous, &length) && *previous == '{') {
    say_bytes(previous, length);
    say("\n", NULL);
    return;
  }
  say("{\"cniVersion\":\"", version, "\",", NULL);
  if (strcmp(version, "0.3.0") < 0) {
    say("\"ip4\":{\"ip\":\"127.0.0.1/8\"},\"dns\":{}}\n", NULL);
    return;
  }
  const char *family = version[0] == '0' ? "\"version\":\"4\"," : ""; // gone since 1.0.0
  say("\"interfaces\":[{\"name\":\"lo\",\"mac\":\"00:00:00:00:00:00\",\"sandbox\":\"", netns, "\"}],",
      "\"ips\":[{", family, "\"interface\":0,\"address\":\"127.0.0.1/8\"}],\"dns\":{}}\n", NULL);
}

int loopback(const char *command) {
  const char *netns = getenv("CNI_NETNS");
  // lo goes with its namespace, and there is nothing to be ready or to collect.
  if (strcmp(command, "DEL") == 0 || strcmp(command, "STATUS") == 0 || strcmp(command, "GC") == 0) return 0;
  if (netns == NULL || *netns == 0 || !is_plain(netns)) {
    return fail(CNI_BAD_ENVIRONMENT, "CNI_NETNS must be the path of a network namespace", "");
  }
  int fd = open(netns, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
    return fail(CNI_BAD_ENVIRONMENT, "CNI_NETNS cannot be entered", netns);
  }
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  if (control < 0 || ioctl(control, SIOCGIFFLAGS, &request) != 0) {
    return fail(CNI_IO_FAILURE, "lo cannot be read", netns);
  }
  int up = (request.ifr_flags & IFF_UP) != 0;
  if (strcmp(command, "CHECK") == 0) {
    return up ? 0 : fail(CNI_IO_FAILURE, "lo is down", netns);
  }
  request.ifr_flags |= IFF_UP;
  if (!up && ioctl(control, SIOCSIFFLAGS, &request) != 0) {
    return fail(CNI_IO_FAILURE, "lo cannot be brought up", netns);
  }
  print_result(netns);
  return 0;
}
