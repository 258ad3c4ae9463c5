// SPDX-License-Identifier: Apache-2.0
// Runs a program as a container runtime runs a CNI plugin, and prints how long it took, in
// milliseconds, from before the program was started until it had ended.
//   exec-time INPUT OUTPUT PROGRAM [COUNT]      the environment is the program's
// With COUNT, so many are started at once and each has a line: the number is put behind
// CNI_CONTAINERID, CNI_NETNS and OUTPUT. Ends with the exit code of the program, or of one that failed.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define MOST 1000

extern char **environ;

static double now_millis(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static pid_t start(const char *input, const char *output, char *program) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char *arguments[] = {program, NULL};
  pid_t child;
  int failed = posix_spawn(&child, program, &files, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  return failed ? -1 : child;
}

static void number(const char *name, const char *value, int i) {
  char text[512];
  snprintf(text, sizeof text, "%s%d", value, i);
  setenv(name, text, 1);
}

static int many(char **argv, int count) {
  static pid_t children[MOST];
  static double from[MOST];
  char output[4096], id[256], netns[256];
  int worst = 0;
  snprintf(id, sizeof id, "%s", getenv("CNI_CONTAINERID"));
  snprintf(netns, sizeof netns, "%s", getenv("CNI_NETNS"));
  for (int i = 0; i < count; i++) {
    number("CNI_CONTAINERID", id, i);
    number("CNI_NETNS", netns, i);
    snprintf(output, sizeof output, "%s%d", argv[2], i);
    from[i] = now_millis();
    children[i] = start(argv[1], output, argv[3]);
    if (children[i] < 0) return 1;
  }
  for (int left = count; left > 0; left--) {
    int status;
    pid_t ended = wait(&status);
    double now = now_millis();
    for (int i = 0; i < count; i++) {
      if (children[i] == ended) printf("%.4f\n", now - from[i]);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) worst = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  return worst;
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5) {
    fprintf(stderr, "usage: exec-time INPUT OUTPUT PROGRAM [COUNT]\n");
    return 2;
  }
  int count = argc == 5 ? atoi(argv[4]) : 0;
  if (count > 0 && count <= MOST) return many(argv, count);
  int status;
  double from = now_millis();
  pid_t child = start(argv[1], argv[2], argv[3]);
  if (child < 0) {
    perror(argv[3]);
    return 1;
  }
  if (waitpid(child, &status, 0) != child) {
    perror("waitpid");
    return 1;
  }
  printf("%.4f\n", now_millis() - from);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
