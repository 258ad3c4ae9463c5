// SPDX-License-Identifier: Apache-2.0
// The CNI executable. It hands the call to the agent of the node over a unix socket and prints what
// the agent answers; it holds no network knowledge of its own, so it never has to be updated under
// a running node. One request a connection, both ways a fixed head and bounded lengths:
//
//   request   "FWC1"  environment bytes  stdin bytes   CNI_*=value\0 ...   stdin
//   answer    "FWC1"  exit code          answer bytes  what goes to stdout
//
// with the two numbers as 32 bits in network order. A DEL that finds no agent succeeds all the same:
// the request goes into a file of the directory agentSocket.missed instead, for the next agent.
// Written for the specification 1.1.0 (https://www.cni.dev/docs/spec/).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "fairway-cni.h"

#define INPUT_LIMIT (1 << 20)
#define ENVIRONMENT_LIMIT (64 << 10)
#define ANSWER_LIMIT (1 << 20)
#define WAIT_SECONDS 60

extern char **environ;

static const char *const VERSIONS[] = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
#define VERSION_COUNT (sizeof VERSIONS / sizeof *VERSIONS)

static char input[INPUT_LIMIT + 1];
static size_t input_length;
static char environment[ENVIRONMENT_LIMIT];
static char answer[ANSWER_LIMIT];

const char *answer_version(void) {
  char asked[16];
  if (json_string(input, input_length, "cniVersion", asked, sizeof asked) == 1) {
    for (size_t i = 0; i < VERSION_COUNT; i++) {
      if (strcmp(asked, VERSIONS[i]) == 0) return VERSIONS[i];
    }
  }
  return VERSIONS[VERSION_COUNT - 1];
}

// The details may come from the caller: what JSON would have to escape becomes a question mark.
int fail(enum cni_code code, const char *message, const char *details) {
  say("{\"cniVersion\":\"", answer_version(), "\",\"code\":", NULL);
  say_number(code);
  say(",\"msg\":\"", message, "\",\"details\":\"", NULL);
  for (; *details; details++) {
    int plain = *details >= ' ' && *details <= '~' && *details != '"' && *details != '\\';
    say_bytes(plain ? details : "?", 1);
  }
  say("\"}\n", NULL);
  return 1;
}

// As above, with the number of the error that a system call left.
static int fail_errno(enum cni_code code, const char *message) {
  char details[] = "errno 000";
  for (int at = sizeof details - 2, left = errno; at >= 6; at--, left /= 10) details[at] = (char)('0' + left % 10);
  return fail(code, message, details);
}

int input_member(const char *key, const char **text, size_t *text_length) {
  return json_member(input, input_length, key, text, text_length);
}

static int read_input(void) {
  for (;;) {
    ssize_t got = read(STDIN_FILENO, input + input_length, sizeof input - input_length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) return 0;
    input_length += (size_t)got;
    if (input_length > INPUT_LIMIT) {
      input_length = 0; // nothing of it can be trusted, not even its version
      return -2;
    }
  }
}

static long collect_environment(void) {
  size_t length = 0;
  for (char **entry = environ; *entry != NULL; entry++) {
    if (strncmp(*entry, "CNI_", 4) != 0) continue;
    size_t size = strlen(*entry) + 1;
    if (size > sizeof environment - length) return -1;
    memcpy(environment + length, *entry, size);
    length += size;
  }
  return (long)length;
}

static int send_all(int fd, const void *data, size_t length) {
  const char *at = data;
  while (length > 0) {
    ssize_t sent = write(fd, at, length);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return -1;
    at += sent;
    length -= (size_t)sent;
  }
  return 0;
}

static char output[8192];
static size_t output_length;

static void flush(void) {
  send_all(STDOUT_FILENO, output, output_length);
  output_length = 0;
}

void say_bytes(const char *text, size_t length) {
  if (length > sizeof output - output_length) flush();
  if (length > sizeof output) {
    send_all(STDOUT_FILENO, text, length);
    return;
  }
  memcpy(output + output_length, text, length);
  output_length += length;
}

void say(const char *text, ...) {
  va_list rest;
  va_start(rest, text);
  for (; text != NULL; text = va_arg(rest, const char *)) say_bytes(text, strlen(text));
  va_end(rest);
}

void say_number(long number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  say_bytes(digits + at, sizeof digits - at);
}

static int receive_all(int fd, void *data, size_t length) {
  char *at = data;
  while (length > 0) {
    ssize_t got = read(fd, at, length);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = ECONNRESET;
    if (got <= 0) return -1;
    at += got;
    length -= (size_t)got;
  }
  return 0;
}

static uint32_t big_endian(uint32_t number) {
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(number) : number;
}

struct head {
  char magic[4];
  uint32_t first, second;
};

static size_t environment_length;

// In one piece, so that the agent is woken once and finds it whole.
static int send_request(int fd) {
  struct head head = {.magic = "FWC1"};
  head.first = big_endian((uint32_t)environment_length);
  head.second = big_endian((uint32_t)input_length);
  struct iovec parts[] = {
      {&head, sizeof head}, {environment, environment_length}, {input, input_length}};
  size_t left = sizeof head + environment_length + input_length;
  for (struct iovec *part = parts; left > 0;) {
    ssize_t sent = writev(fd, part, (int)(parts + 3 - part));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return -1;
    left -= (size_t)sent;
    while (part < parts + 3 && (size_t)sent >= part->iov_len) sent -= (ssize_t)part++->iov_len;
    if (part == parts + 3) break;
    part->iov_base = (char *)part->iov_base + sent;
    part->iov_len -= (size_t)sent;
  }
  return 0;
}

static uint64_t hash(uint64_t from, const char *text) {
  for (; *text; text++) from = (from ^ (unsigned char)*text) * 0x100000001b3u;
  return from;
}

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value != NULL ? value : "";
}

static char *append(char *to, const char *text) {
  while (*text) *to++ = *text++;
  return to;
}

static char *append_hex(char *to, uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) *to++ = "0123456789abcdef"[number >> shift & 15];
  return to;
}

// Leaves the request where the next agent finds it, under a name that follows from the attachment
// (FNV-1a). Half a file is never seen. Where it cannot be written, the agent still notices that the
// sandbox is gone.
static void leave_request(const char *socket_path) {
  char file[sizeof(struct sockaddr_un) + 64], fresh[sizeof file + 32];
  char *end = append(append(file, socket_path), ".missed");
  *end = 0;
  mkdir(file, 0700);
  uint64_t name = hash(0xcbf29ce484222325u, variable("CNI_CONTAINERID"));
  name = hash(hash(name, "/"), variable("CNI_IFNAME"));
  end = append_hex(append(end, "/"), name);
  *end = 0;
  end = append_hex(append(append(fresh, file), "."), (uint64_t)getpid());
  *end = 0;
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  int failed = send_request(fd);
  failed |= close(fd) != 0;
  if (failed || rename(fresh, file) != 0) unlink(fresh);
}

static int agent_lost(const char *command, const char *message, const char *socket_path) {
  if (strcmp(command, "STATUS") == 0) return fail(CNI_NOT_AVAILABLE, message, socket_path);
  if (strcmp(command, "DEL") != 0 || errno == EAGAIN) return fail(CNI_TRY_LATER, message, socket_path);
  leave_request(socket_path);
  return 0;
}

static int ask_agent(const char *command, const char *socket_path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval wait = {.tv_sec = WAIT_SECONDS};
  struct head head;

  if (strlen(socket_path) >= sizeof address.sun_path) {
    return fail(CNI_BAD_CONFIG, "agentSocket is longer than a socket path may be", socket_path);
  }
  memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
  long collected = collect_environment();
  if (collected < 0) {
    return fail(CNI_BAD_ENVIRONMENT, "the CNI_ environment is larger than 64 KiB", "");
  }
  environment_length = (size_t)collected;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_errno(CNI_IO_FAILURE, "no socket could be opened");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    return agent_lost(command, "the node agent does not listen on its socket: is `fairway node` running here?",
                      socket_path);
  }
  if (send_request(fd) != 0 || receive_all(fd, &head, sizeof head) != 0) {
    return agent_lost(command, "the node agent did not answer", socket_path);
  }
  uint32_t length = big_endian(head.second);
  if (memcmp(head.magic, "FWC1", sizeof head.magic) != 0 || length > sizeof answer) {
    return fail(CNI_IO_FAILURE, "what listens on agentSocket is not a fairway node agent", socket_path);
  }
  if (receive_all(fd, answer, length) != 0) {
    return agent_lost(command, "the node agent did not finish its answer", socket_path);
  }
  return send_all(STDOUT_FILENO, answer, length) != 0 ? 1 : (int)big_endian(head.first);
}

static int print_versions(void) {
  say("{\"cniVersion\":\"", answer_version(), "\",\"supportedVersions\":[", NULL);
  for (size_t i = 0; i < VERSION_COUNT; i++) say(i ? ",\"" : "\"", VERSIONS[i], "\"", NULL);
  say("]}\n", NULL);
  return 0;
}

static int is_command(const char *text) {
  static const char *const COMMANDS[] = {"ADD", "DEL", "CHECK", "STATUS", "GC"};
  for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
    if (strcmp(text, COMMANDS[i]) == 0) return 1;
  }
  return 0;
}

// One asks for the agent's socket first, because it leads to the agent; what else is wrong, the
// agent tells. A whole list of configurations on stdin is the mistake that people make by hand.
static int no_socket(void) {
  char ignored[1];
  if (json_string(input, input_length, "plugins", ignored, sizeof ignored) != 0) {
    return fail(CNI_BAD_CONFIG,
                "stdin has a list of network configurations: a plugin takes one entry of its plugins, "
                "with the name and cniVersion of the list",
                "");
  }
  return fail(CNI_BAD_CONFIG, "agentSocket is missing: it must name the socket of the node agent", "");
}

static int run(int argc, char **argv) {
  char socket_path[4096];
  const char *command = getenv("CNI_COMMAND");
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";

  signal(SIGPIPE, SIG_IGN);
  switch (read_input()) {
    case -1:
      return fail_errno(CNI_IO_FAILURE, "stdin cannot be read");
    case -2:
      return fail(CNI_BAD_CONFIG, "the network configuration on stdin is larger than 1 MiB", "");
    default:
      break;
  }
  if (command == NULL || *command == 0) {
    return fail(CNI_BAD_ENVIRONMENT, "CNI_COMMAND is not set: a container runtime calls this program", "");
  }
  if (strcmp(command, "VERSION") == 0) return print_versions();
  if (!is_command(command)) {
    return fail(CNI_BAD_ENVIRONMENT, "CNI_COMMAND must be ADD, DEL, CHECK, STATUS, GC or VERSION", command);
  }
  if (strcmp(name, "loopback") == 0) return loopback(command);

  switch (json_string(input, input_length, "agentSocket", socket_path, sizeof socket_path)) {
    case 1:
      return ask_agent(command, socket_path);
    case 0:
      return no_socket();
    case -2:
      return fail(CNI_BAD_CONFIG, "agentSocket must be a string that names the socket of the node agent", "");
    default:
      return fail(CNI_BAD_JSON, "the network configuration on stdin is not a JSON object", "");
  }
}

int main(int argc, char **argv) {
  int code = run(argc, argv);
  flush();
  return code;
}
