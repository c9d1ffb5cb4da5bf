// Asks one question at a fixed pace and tells when its answer changed: for every value seen, when the first reply with
// it came and when the last reply with an older one came. From the later of the two on every answer was new, whichever
// worker gave it. Values are the last 32 bits of the first answer's RDATA (the end of an AAAA), and only grow.
//
// usage: probe --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--cpu N]
//
// FILE: as in sender.h; the first query is asked. Prints a JSON array of {"value", "first", "stale"}: nanoseconds of the
// monotonic clock; stale is 0 where no older reply came after the one before was complete.
#define _GNU_SOURCE
#include <poll.h>
#include "sender.h"

enum { MAX_SOCKETS = 64, MAX_VALUES = 100000 };

static int sockets[MAX_SOCKETS];
static struct { uint32_t value; uint64_t first, stale; } seen[MAX_VALUES];
static int count;

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
  struct options options = {.server = "::1", .port = 53, .sockets = 1, .cpu = -1, .seconds = 5, .rate = 10000};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!take_flag(&options, argv[i], argv[i + 1])) { fprintf(stderr, "probe: unknown flag %s\n", argv[i]); return 2; }
  }
  int flows = options.sockets;
  if (options.queries == NULL || flows < 1 || flows > MAX_SOCKETS || options.rate <= 0 || options.seconds <= 0) {
    fprintf(stderr, "usage: probe --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--cpu N]\n");
    return 2;
  }
  stay_on(options.cpu);
  const struct query *first = &read_queries(options.queries).list[0];
  unsigned char query[MAX_LENGTH];
  memcpy(query, first->wire, first->length);
  struct sockaddr_storage address;
  socklen_t length = address_of(&options, &address);
  struct pollfd polled[MAX_SOCKETS];
  for (int i = 0; i < flows; i++) {
    sockets[i] = socket(address.ss_family, SOCK_DGRAM, 0);
    if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&address, length) != 0) fail("probe: connect");
    polled[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
  }
  uint64_t start = clock_ns(CLOCK_MONOTONIC), end = start + (uint64_t)(options.seconds * 1e9);
  double interval = 1e9 / options.rate, next = (double)start;
  uint16_t id = 0;
  int turn = 0;
  for (uint64_t now = start; now < end; now = clock_ns(CLOCK_MONOTONIC)) {
    if ((double)now >= next) {
      query[0] = (unsigned char)(id >> 8), query[1] = (unsigned char)id;
      id++;
      send(sockets[turn], query, first->length, MSG_DONTWAIT);
      turn = turn + 1 == flows ? 0 : turn + 1;
      next += interval;
      if (next < (double)now - 1e7) next = (double)now;
    }
    struct timespec wait = {0, (long)(next > (double)now ? next - (double)now : 0)};
    if (ppoll(polled, (nfds_t)flows, &wait, NULL) <= 0) continue;
    for (int i = 0; i < flows; i++) {
      if (!(polled[i].revents & POLLIN)) continue;
      unsigned char reply[4096];
      for (ssize_t n; (n = recv(sockets[i], reply, sizeof reply, MSG_DONTWAIT)) > 0;) note(reply, (size_t)n, clock_ns(CLOCK_MONOTONIC));
    }
  }
  printf("[");
  for (int i = 0; i < count; i++) {
    printf("%s{\"value\":%u,\"first\":\"%lu\",\"stale\":\"%lu\"}", i == 0 ? "" : ",", seen[i].value, seen[i].first, seen[i].stale);
  }
  printf("]\n");
  return 0;
}
