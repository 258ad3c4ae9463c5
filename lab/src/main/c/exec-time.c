// SPDX-License-Identifier: Apache-2.0
// Runs a program as a container runtime runs a CNI plugin, what it says in a pipe, and prints how
// long it took, in milliseconds, from before the program was started until it had ended.
//   exec-time INPUT OUTPUT PROGRAM [COUNT]      the environment is the program's
// With COUNT, so many are started at once and each has a line: the number is put behind
// CNI_CONTAINERID and CNI_NETNS, and OUTPUT is of one that failed. Ends with the exit code of the
// program, or of one that failed.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 500

extern char **environ;

struct run {
  pid_t process;
  int said; // the end of the pipe to read from
  double from;
};

struct end {
  pid_t process;
  int status;
  double at;
};

static double now_millis(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int start(struct run *run, const char *input, char *program) {
  int ends[2];
  run->from = now_millis();
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  char *arguments[] = {program, NULL};
  int failed = posix_spawn(&run->process, program, &files, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  run->said = ends[0];
  return failed ? -1 : 0;
}

static void keep(const struct run *run, const char *output) {
  char said[1 << 16];
  FILE *file = fopen(output, "w");
  if (file == NULL) return;
  for (ssize_t got; (got = read(run->said, said, sizeof said)) > 0;) fwrite(said, 1, (size_t)got, file);
  fclose(file);
}

static int code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 1; }

static void number(const char *name, const char *value, int i) {
  char text[512];
  snprintf(text, sizeof text, "%s%d", value, i);
  setenv(name, text, 1);
}

static struct end ends[MOST];
static int expected;

// That a process has ended is seen at once, also while others are still being started.
static void *watch(void *unused) {
  for (int i = 0; i < expected;) {
    ends[i].process = wait(&ends[i].status);
    ends[i].at = now_millis();
    if (ends[i].process > 0) i++;
  }
  return unused;
}

static int many(char **argv, int count) {
  static struct run runs[MOST];
  char id[256], netns[256];
  int worst = 0;
  pthread_t watcher;
  snprintf(id, sizeof id, "%s", getenv("CNI_CONTAINERID"));
  snprintf(netns, sizeof netns, "%s", getenv("CNI_NETNS"));
  expected = count;
  for (int i = 0; i < count; i++) {
    number("CNI_CONTAINERID", id, i);
    number("CNI_NETNS", netns, i);
    if (start(&runs[i], argv[1], argv[3]) != 0) return 1;
    if (i == 0 && pthread_create(&watcher, NULL, watch, NULL) != 0) return 1;
  }
  pthread_join(watcher, NULL);
  for (int e = 0; e < count; e++) {
    for (int i = 0; i < count; i++) {
      if (runs[i].process != ends[e].process) continue;
      printf("%.4f\n", ends[e].at - runs[i].from);
      if (code(ends[e].status) != 0) keep(&runs[i], argv[2]);
    }
    if (code(ends[e].status) != 0) worst = code(ends[e].status);
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
  struct run run;
  if (start(&run, argv[1], argv[3]) != 0) {
    perror(argv[3]);
    return 1;
  }
  if (waitpid(run.process, &status, 0) != run.process) {
    perror("waitpid");
    return 1;
  }
  printf("%.4f\n", now_millis() - run.from);
  keep(&run, argv[2]);
  return code(status);
}
