// SPDX-License-Identifier: Apache-2.0
// Prints the addresses that the C library has for a name, one a line.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  int result = argc == 2 ? getaddrinfo(argv[1], NULL, &wanted, &found) : EAI_NONAME;
  if (result != 0) {
    puts(gai_strerror(result));
    return 1;
  }
  for (; found; found = found->ai_next) {
    char text[INET6_ADDRSTRLEN] = "";
    const void *address = found->ai_family == AF_INET
        ? (const void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
        : (const void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
    puts(inet_ntop(found->ai_family, address, text, sizeof text));
  }
  return 0;
}
