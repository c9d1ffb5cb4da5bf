// The floor: what the kernel alone costs for one UDP question and answer. Receives and sends in batches of 64 and
// changes one bit (QR), nothing else. Usage: echo ADDRESS PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, SIZE = 4096 };

static unsigned char packets[BATCH][SIZE];
static struct sockaddr_in6 peers[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: echo ADDRESS PORT\n");
    return 2;
  }
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)atoi(argv[2]))};
  if (inet_pton(AF_INET6, argv[1], &address.sin6_addr) != 1) {
    fprintf(stderr, "echo: \"%s\" is no IPv6 address\n", argv[1]);
    return 2;
  }
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  int size = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("echo: bind");
    return 1;
  }
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){.iov_base = packets[i], .iov_len = SIZE};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i].iov_len = SIZE;
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
    int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    if (count < 0) {
      if (errno == EINTR) continue;
      perror("echo: recvmmsg");
      return 1;
    }
    for (int i = 0; i < count; i++) {
      vectors[i].iov_len = messages[i].msg_len;
      if (messages[i].msg_len > 2) packets[i][2] |= 0x80;
    }
    for (int sent = 0; sent < count;) {
      int n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
      if (n <= 0) break;
      sent += n;
    }
  }
}
