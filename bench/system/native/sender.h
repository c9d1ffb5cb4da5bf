// What the programs that send queries share (load.c, flood.c, probe.c): flags, clock, address, the file of queries.
//
// The file: for each query u16 length (big-endian), u8 expected rcode (255: any), u8 expected answer count (255: at least
// one, 254: any), then the query in wire form. Ids are set by the sender.
#ifndef SENDER_H
#define SENDER_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MAX_LENGTH = 512 };

// The flags that every sender has; rate in packets a second, 0: as fast as it goes.
struct options {
  const char *server, *queries;
  int port, sockets, cpu;
  double seconds, rate;
};

struct query {
  const unsigned char *wire;
  uint16_t length;
  uint8_t rcode, answers;
};

struct queries {
  struct query *list;
  uint32_t count;
};

static inline void fail(const char *what) {
  perror(what);
  exit(1);
}

static inline uint64_t ns_of(const struct timespec *t) {
  return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static inline uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return ns_of(&t);
}

// False when the flag is not one of those above.
static inline bool take_flag(struct options *options, const char *flag, const char *value) {
  if (strcmp(flag, "--server") == 0) options->server = value;
  else if (strcmp(flag, "--port") == 0) options->port = atoi(value);
  else if (strcmp(flag, "--queries") == 0) options->queries = value;
  else if (strcmp(flag, "--seconds") == 0) options->seconds = atof(value);
  else if (strcmp(flag, "--rate") == 0) options->rate = atof(value);
  else if (strcmp(flag, "--sockets") == 0) options->sockets = atoi(value);
  else if (strcmp(flag, "--cpu") == 0) options->cpu = atoi(value);
  else return false;
  return true;
}

// Stays on one processor; -1: on any.
static inline void stay_on(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) perror("sched_setaffinity");
}

// An IPv6 or IPv4 address and a port as the system wants them; returns the length.
static inline socklen_t address_of(const struct options *options, struct sockaddr_storage *address) {
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET6, options->server, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6, v6->sin6_port = htons((uint16_t)options->port);
    return sizeof *v6;
  }
  if (inet_pton(AF_INET, options->server, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET, v4->sin_port = htons((uint16_t)options->port);
    return sizeof *v4;
  }
  fprintf(stderr, "\"%s\" is no address\n", options->server);
  exit(2);
}

static inline struct queries read_queries(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  unsigned char *bytes = malloc((size_t)size + 1);
  if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) fail(path);
  fclose(file);
  struct queries queries = {calloc((size_t)size / 4 + 1, sizeof(struct query)), 0};
  for (long at = 0; at + 4 <= size;) {
    uint16_t length = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
    if (length < 12 || length > MAX_LENGTH || at + 4 + length > size) {
      fprintf(stderr, "%s: malformed at octet %ld\n", path, at);
      exit(1);
    }
    queries.list[queries.count++] = (struct query){bytes + at + 4, length, bytes[at + 2], bytes[at + 3]};
    at += 4 + length;
  }
  if (queries.count == 0) {
    fprintf(stderr, "%s: no queries\n", path);
    exit(1);
  }
  return queries;
}

static inline bool is_rcode_wrong(const struct query *query, const unsigned char *reply) {
  return query->rcode != 255 && (reply[3] & 15) != query->rcode;
}

static inline bool is_count_wrong(const struct query *query, const unsigned char *reply) {
  unsigned answers = (unsigned)(reply[6] << 8 | reply[7]);
  return query->answers == 255 ? answers == 0 : query->answers != 254 && answers != query->answers;
}
#endif
