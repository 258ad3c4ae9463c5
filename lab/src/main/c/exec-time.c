// SPDX-License-Identifier: Apache-2.0
// Runs a program as a container runtime runs a CNI plugin, and prints how long it took, in
// milliseconds, from before the program was started until it had ended.
//   exec-time INPUT OUTPUT PROGRAM      the environment is the program's
// Ends with the program's exit code.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now_millis(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: exec-time INPUT OUTPUT PROGRAM\n");
    return 2;
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, argv[1], O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char *program[] = {argv[3], NULL};
  pid_t child;
  int status;
  double from = now_millis();
  if (posix_spawn(&child, argv[3], &files, NULL, program, environ)) {
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
