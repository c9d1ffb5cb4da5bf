// Asks one question at a fixed pace and tells when its answer changed: for every value seen, when the first reply with
// it came and when the last reply with an older one came. From the later of the two on every answer was new, whichever
// worker gave it. Values are the last 32 bits of the first answer's RDATA (the end of an AAAA), and only grow.
//
// usage: probe --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--cpu N]
//
// FILE: as in load.c; the first query is asked. Prints a JSON array of {"value", "first", "stale"}: nanoseconds of the
// monotonic clock; stale is 0 where no older reply came after the one before was complete.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MAX_SOCKETS = 64, MAX_VALUES = 100000 };

static unsigned char query[512];
static size_t query_length;
static int sockets[MAX_SOCKETS];
static struct { uint32_t value; uint64_t first, stale; } seen[MAX_VALUES];
static int count;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void load_query(const char *path) {
  FILE *file = fopen(path, "rb");
  unsigned char head[4];
  if (file == NULL || fread(head, 1, 4, file) != 4) { perror(path); exit(1); }
  query_length = (size_t)(head[0] << 8 | head[1]);
  if (query_length > sizeof query || fread(query, 1, query_length, file) != query_length) { perror(path); exit(1); }
  fclose(file);
}

static void note(const unsigned char *reply, size_t length, uint64_t now) {
  // The question ends behind its name; then come the owner (2), type, class, TTL, length (10), and the address (16).
  size_t at = 12;
  while (at < length && reply[at] != 0) at += reply[at] + 1u;
  at += 5 + 12 + 12;
  if (length < at + 4 || (reply[6] << 8 | reply[7]) == 0) return;
  uint32_t value = (uint32_t)reply[at] << 24 | (uint32_t)reply[at + 1] << 16 | (uint32_t)reply[at + 2] << 8 | reply[at + 3];
  if (count == 0 || value > seen[count - 1].value) {
    if (count < MAX_VALUES) seen[count].value = value, seen[count++].first = now;
    return;
  }
  // An older answer delays the newest value that it is older than.
  if (value < seen[count - 1].value) seen[count - 1].stale = now;
}

int main(int argc, char **argv) {
  const char *server = "::1", *file = NULL;
  int port = 53, flows = 1, cpu = -1;
  double seconds = 5, rate = 10000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *flag = argv[i], *value = argv[i + 1];
    if (strcmp(flag, "--server") == 0) server = value;
    else if (strcmp(flag, "--port") == 0) port = atoi(value);
    else if (strcmp(flag, "--queries") == 0) file = value;
    else if (strcmp(flag, "--seconds") == 0) seconds = atof(value);
    else if (strcmp(flag, "--rate") == 0) rate = atof(value);
    else if (strcmp(flag, "--sockets") == 0) flows = atoi(value);
    else if (strcmp(flag, "--cpu") == 0) cpu = atoi(value);
    else { fprintf(stderr, "probe: unknown flag %s\n", flag); return 2; }
  }
  if (file == NULL || flows < 1 || flows > MAX_SOCKETS || rate <= 0 || seconds <= 0) {
    fprintf(stderr, "usage: probe --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--cpu N]\n");
    return 2;
  }
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) perror("probe: sched_setaffinity");
  }
  load_query(file);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  struct pollfd polled[MAX_SOCKETS];
  if (inet_pton(AF_INET6, server, &address.sin6_addr) != 1) { fprintf(stderr, "probe: \"%s\" is no IPv6 address\n", server); return 2; }
  for (int i = 0; i < flows; i++) {
    sockets[i] = socket(AF_INET6, SOCK_DGRAM, 0);
    if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&address, sizeof address) != 0) { perror("probe: connect"); return 1; }
    polled[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
  }
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
  double interval = 1e9 / rate, next = (double)start;
  uint16_t id = 0;
  int turn = 0;
  for (uint64_t now = start; now < end; now = now_ns()) {
    if ((double)now >= next) {
      query[0] = (unsigned char)(id >> 8), query[1] = (unsigned char)id;
      id++;
      send(sockets[turn], query, query_length, MSG_DONTWAIT);
      turn = turn + 1 == flows ? 0 : turn + 1;
      next += interval;
      if (next < (double)now - 1e7) next = (double)now;
    }
    struct timespec wait = {0, (long)(next > (double)now ? next - (double)now : 0)};
    if (ppoll(polled, (nfds_t)flows, &wait, NULL) <= 0) continue;
    for (int i = 0; i < flows; i++) {
      if (!(polled[i].revents & POLLIN)) continue;
      unsigned char reply[4096];
      for (ssize_t n; (n = recv(sockets[i], reply, sizeof reply, MSG_DONTWAIT)) > 0;) note(reply, (size_t)n, now_ns());
    }
  }
  printf("[");
  for (int i = 0; i < count; i++) {
    printf("%s{\"value\":%u,\"first\":\"%lu\",\"stale\":\"%lu\"}", i == 0 ? "" : ",", seen[i].value, seen[i].first, seen[i].stale);
  }
  printf("]\n");
  return 0;
}
