// Offers more queries than a server can answer: many packets a system call by UDP segmentation offload, in which the
// kernel cuts one buffer into packets of equal length (udp(7), UDP_SEGMENT). A filter in the kernel throws the replies
// away but for a sample of them, which is checked, so that reading replies does not slow the sender down. How many were
// answered in all is the server's to say. Prints one JSON object.
//
// usage: flood --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--burst N] [--cpu N]
//
// FILE: as in load.c. Only the most frequent length of query is sent. --rate 0: as fast as it goes.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

// One reply in SAMPLE passes the filter: those whose id ends in zeros.
enum { MAX_SOCKETS = 256, MAX_BURST = 64, MAX_LENGTH = 512, SAMPLE = 256 };

struct query {
  const unsigned char *wire;
  uint8_t rcode, answers;
};

static struct query *queries;
static uint32_t query_count, next_query;
static uint16_t query_length;
static uint32_t asked[MAX_SOCKETS][65536 / SAMPLE];
static int sockets[MAX_SOCKETS];
static uint64_t sent, sampled, wrong, refused;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void load_queries(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  unsigned char *bytes = malloc((size_t)size + 1);
  if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) fail(path);
  fclose(file);
  static uint32_t lengths[MAX_LENGTH + 1];
  for (long at = 0; at + 4 <= size; at += 4 + (bytes[at] << 8 | bytes[at + 1])) {
    int length = bytes[at] << 8 | bytes[at + 1];
    if (length <= MAX_LENGTH && ++lengths[length] > lengths[query_length]) query_length = (uint16_t)length;
  }
  queries = calloc((size_t)size / 4 + 1, sizeof *queries);
  for (long at = 0; at + 4 <= size; at += 4 + (bytes[at] << 8 | bytes[at + 1])) {
    if ((bytes[at] << 8 | bytes[at + 1]) != query_length) continue;
    queries[query_count++] = (struct query){bytes + at + 4, bytes[at + 2], bytes[at + 3]};
  }
  if (query_count == 0) {
    fprintf(stderr, "flood: no queries\n");
    exit(1);
  }
}

static void open_sockets(int count, const char *server, int port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET6, server, &address.sin6_addr) != 1) {
    fprintf(stderr, "flood: \"%s\" is no IPv6 address\n", server);
    exit(2);
  }
  // Behind the UDP header (8 octets) stands the id: pass those that end in zeros, drop the rest.
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 8),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SAMPLE - 1),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 65535),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  for (int i = 0; i < count; i++) {
    int size = 4 << 20;
    sockets[i] = socket(AF_INET6, SOCK_DGRAM, 0);
    if (sockets[i] < 0) fail("flood: socket");
    setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (setsockopt(sockets[i], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) fail("flood: filter");
    if (connect(sockets[i], (struct sockaddr *)&address, sizeof address) != 0) fail("flood: connect");
  }
}

static void check(int socket, const unsigned char *reply, ssize_t length) {
  sampled++;
  if (length < 12) { wrong++; return; }
  uint16_t id = (uint16_t)(reply[0] << 8 | reply[1]);
  const struct query *query = &queries[asked[socket][id / SAMPLE]];
  unsigned answers = (unsigned)(reply[6] << 8 | reply[7]);
  bool is_counted = query->answers < 254;
  if ((reply[3] & 15) != query->rcode || (is_counted && answers != query->answers)) wrong++;
  else if (length < 14 || memcmp(reply + 12, query->wire + 12, 2) != 0) wrong++;
}

static void receive(int socket) {
  unsigned char reply[4096];
  for (ssize_t n = 0; (n = recv(sockets[socket], reply, sizeof reply, MSG_DONTWAIT)) > 0;) check(socket, reply, n);
}

// One buffer of `burst` queries, which leave as so many packets.
static void send_burst(int socket, int burst, uint16_t *id) {
  static unsigned char buffer[MAX_BURST * MAX_LENGTH];
  for (int i = 0; i < burst; i++) {
    unsigned char *at = buffer + (size_t)i * query_length;
    memcpy(at, queries[next_query].wire, query_length);
    at[0] = (unsigned char)(*id >> 8);
    at[1] = (unsigned char)*id;
    if (*id % SAMPLE == 0) asked[socket][*id / SAMPLE] = next_query;
    (*id)++;
    next_query = next_query + 1 == query_count ? 0 : next_query + 1;
  }
  ssize_t n = send(sockets[socket], buffer, (size_t)burst * query_length, MSG_DONTWAIT);
  if (n > 0) sent += (uint64_t)burst;
  else refused += (uint64_t)burst;
}

static void run(int count, double rate, int burst, uint64_t end) {
  static uint16_t ids[MAX_SOCKETS];
  uint64_t start = now_ns();
  double interval = rate > 0 ? 1e9 * burst / rate : 0, next = (double)start;
  int turn = 0;
  for (uint64_t now = start; now < end; now = now_ns()) {
    if ((double)now < next) {
      if (next - (double)now > 200000) usleep(50);
      continue;
    }
    next += interval;
    // What was missed for longer than 10 ms is not caught up with in one go.
    if (next < (double)now - 1e7) next = (double)now - 1e7;
    send_burst(turn, burst, &ids[turn]);
    receive(turn);
    turn = turn + 1 == count ? 0 : turn + 1;
  }
}

int main(int argc, char **argv) {
  const char *server = "::1", *file = NULL;
  int port = 53, count = 16, burst = 32, cpu = -1;
  double seconds = 5, rate = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *flag = argv[i], *value = argv[i + 1];
    if (strcmp(flag, "--server") == 0) server = value;
    else if (strcmp(flag, "--port") == 0) port = atoi(value);
    else if (strcmp(flag, "--queries") == 0) file = value;
    else if (strcmp(flag, "--seconds") == 0) seconds = atof(value);
    else if (strcmp(flag, "--rate") == 0) rate = atof(value);
    else if (strcmp(flag, "--sockets") == 0) count = atoi(value);
    else if (strcmp(flag, "--burst") == 0) burst = atoi(value);
    else if (strcmp(flag, "--cpu") == 0) cpu = atoi(value);
    else { fprintf(stderr, "flood: unknown flag %s\n", flag); return 2; }
  }
  if (file == NULL || count < 1 || count > MAX_SOCKETS || burst < 1 || burst > MAX_BURST || seconds <= 0) {
    fprintf(stderr, "usage: flood --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--burst N] [--cpu N]\n");
    return 2;
  }
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) perror("flood: sched_setaffinity");
  }
  load_queries(file);
  open_sockets(count, server, port);
  int segment = query_length;
  for (int i = 0; i < count; i++) {
    if (setsockopt(sockets[i], IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) fail("flood: UDP_SEGMENT");
  }
  uint64_t start = now_ns();
  run(count, rate, burst, start + (uint64_t)(seconds * 1e9));
  double took = (double)(now_ns() - start) / 1e9;
  usleep(100000);
  for (int i = 0; i < count; i++) receive(i);
  printf("{\"sent\":%lu,\"refused\":%lu,\"sampled\":%lu,\"wrong\":%lu,\"seconds\":%.3f,\"rate\":%.0f}\n", sent, refused,
         sampled, wrong, took, (double)sent / took);
  return 0;
}
