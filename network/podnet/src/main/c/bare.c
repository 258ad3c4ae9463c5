// SPDX-License-Identifier: Apache-2.0
// The few functions of the C library that the executable uses, by system calls of our own. A static
// glibc asks the processor for its features before `main`, which in a virtual machine takes longer
// (0.3 ms) than all that this program does. On other processors the C library is linked instead:
// see `compile`.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

char **environ;
static int error_number;

int *__errno_location(void) { return &error_number; }

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call begin\n");

static long call(long number, long a, long b, long c, long d, long e) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl begin\n");

static long call(long number, long a, long b, long c, long d, long e) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
#endif

static long checked(long result) {
  if (result >= 0 || result < -4095) return result;
  error_number = (int)-result;
  return -1;
}

#define CALL(name, a, b, c, d, e) \
  checked(call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e)))

int main(int argc, char **argv);

__attribute__((noreturn, used)) void begin(long *stack) {
  int argc = (int)*stack;
  char **argv = (char **)(stack + 1);
  environ = argv + argc + 1;
  int code = main(argc, argv);
  for (;;) call(SYS_exit_group, code, 0, 0, 0, 0);
}

ssize_t read(int fd, void *data, size_t length) { return CALL(read, fd, data, length, 0, 0); }

ssize_t write(int fd, const void *data, size_t length) { return CALL(write, fd, data, length, 0, 0); }

ssize_t writev(int fd, const struct iovec *parts, int count) { return CALL(writev, fd, parts, count, 0, 0); }

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
  va_end(rest);
  return (int)CALL(openat, AT_FDCWD, path, flags, mode, 0);
}

int close(int fd) { return (int)CALL(close, fd, 0, 0, 0, 0); }

int mkdir(const char *path, mode_t mode) { return (int)CALL(mkdirat, AT_FDCWD, path, mode, 0, 0); }

int rename(const char *from, const char *to) {
  return (int)CALL(renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path) { return (int)CALL(unlinkat, AT_FDCWD, path, 0, 0, 0); }

pid_t getpid(void) { return (pid_t)call(SYS_getpid, 0, 0, 0, 0, 0); }

int setns(int fd, int type) { return (int)CALL(setns, fd, type, 0, 0, 0); }

int socket(int domain, int type, int protocol) { return (int)CALL(socket, domain, type, protocol, 0, 0); }

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  return (int)CALL(connect, fd, address, length, 0, 0);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
  return (int)CALL(setsockopt, fd, level, name, value, length);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return (int)CALL(ioctl, fd, request, argument, 0, 0);
}

// Only ever to ignore a signal: what the kernel's `struct sigaction` has behind the handler is zero.
__sighandler_t signal(int number, __sighandler_t handler) {
  struct {
    __sighandler_t handler;
    unsigned long rest[3];
  } action = {.handler = handler};
  return CALL(rt_sigaction, number, &action, NULL, 8, 0) == 0 ? SIG_DFL : SIG_ERR;
}

char *getenv(const char *name) {
  size_t length = strlen(name);
  for (char **entry = environ; *entry != NULL; entry++) {
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
  }
  return NULL;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  char *t = to;
  for (const char *f = from; length > 0; length--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t length) {
  for (char *t = to; length > 0; length--) *t++ = (char)value;
  return to;
}

int memcmp(const void *one, const void *other, size_t length) {
  const unsigned char *a = one, *b = other;
  for (; length > 0; length--, a++, b++) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

int strncmp(const char *one, const char *other, size_t most) {
  for (; most > 0; most--, one++, other++) {
    if (*one != *other) return (unsigned char)*one - (unsigned char)*other;
    if (*one == 0) return 0;
  }
  return 0;
}

int strcmp(const char *one, const char *other) { return strncmp(one, other, (size_t)-1); }

char *strchr(const char *text, int wanted) {
  for (;; text++) {
    if (*text == (char)wanted) return (char *)text;
    if (*text == 0) return NULL;
  }
}

char *strrchr(const char *text, int wanted) {
  const char *found = NULL;
  for (;; text++) {
    if (*text == (char)wanted) found = text;
    if (*text == 0) return (char *)found;
  }
}
