// Offers more queries than a server can answer: many packets a system call by UDP segmentation offload, in which the
// kernel cuts one buffer into packets of equal length (udp(7), UDP_SEGMENT). A filter in the kernel throws the replies
// away but for a sample of them, which is checked, so that reading replies does not slow the sender down. How many were
// answered in all is the server's to say. Prints one JSON object.
//
// usage: flood --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--burst N] [--cpu N]
//
// FILE: as in sender.h. Only the most frequent length of query is sent. --rate 0: as fast as it goes.
#define _GNU_SOURCE
#include <linux/filter.h>
#include <netinet/udp.h>
#include <unistd.h>
#include "sender.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

// One reply in SAMPLE passes the filter: those whose id ends in zeros.
enum { MAX_SOCKETS = 256, MAX_BURST = 64, SAMPLE = 256 };

static struct queries queries;
static uint32_t next_query;
static uint16_t query_length;
static uint32_t asked[MAX_SOCKETS][65536 / SAMPLE];
static int sockets[MAX_SOCKETS];
static uint64_t sent, sampled, wrong, refused;

// Keeps the queries of the most frequent length.
static void keep_one_length(void) {
  static uint32_t lengths[MAX_LENGTH + 1];
  for (uint32_t i = 0; i < queries.count; i++) {
    uint16_t length = queries.list[i].length;
    if (++lengths[length] > lengths[query_length]) query_length = length;
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < queries.count; i++) {
    if (queries.list[i].length == query_length) queries.list[kept++] = queries.list[i];
  }
  queries.count = kept;
}

static void open_sockets(const struct options *options) {
  struct sockaddr_storage address;
  socklen_t length = address_of(options, &address);
  // Behind the UDP header (8 octets) stands the id: pass those that end in zeros, drop the rest.
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 8),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SAMPLE - 1),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 65535),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  for (int i = 0; i < options->sockets; i++) {
    int size = 4 << 20, segment = query_length;
    sockets[i] = socket(address.ss_family, SOCK_DGRAM, 0);
    if (sockets[i] < 0) fail("flood: socket");
    setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (setsockopt(sockets[i], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) fail("flood: filter");
    if (setsockopt(sockets[i], IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) fail("flood: UDP_SEGMENT");
    if (connect(sockets[i], (struct sockaddr *)&address, length) != 0) fail("flood: connect");
  }
}

static void check(int socket, const unsigned char *reply, ssize_t length) {
  sampled++;
  if (length < 12) { wrong++; return; }
  uint16_t id = (uint16_t)(reply[0] << 8 | reply[1]);
  const struct query *query = &queries.list[asked[socket][id / SAMPLE]];
  if (is_rcode_wrong(query, reply) || is_count_wrong(query, reply)) wrong++;
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
    memcpy(at, queries.list[next_query].wire, query_length);
    at[0] = (unsigned char)(*id >> 8);
    at[1] = (unsigned char)*id;
    if (*id % SAMPLE == 0) asked[socket][*id / SAMPLE] = next_query;
    (*id)++;
    next_query = next_query + 1 == queries.count ? 0 : next_query + 1;
  }
  ssize_t n = send(sockets[socket], buffer, (size_t)burst * query_length, MSG_DONTWAIT);
  if (n > 0) sent += (uint64_t)burst;
  else refused += (uint64_t)burst;
}

static void run(int count, double rate, int burst, uint64_t end) {
  static uint16_t ids[MAX_SOCKETS];
  uint64_t start = clock_ns(CLOCK_MONOTONIC);
  double interval = rate > 0 ? 1e9 * burst / rate : 0, next = (double)start;
  int turn = 0;
  for (uint64_t now = start; now < end; now = clock_ns(CLOCK_MONOTONIC)) {
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
  struct options options = {.server = "::1", .port = 53, .sockets = 16, .cpu = -1, .seconds = 5};
  int burst = 32;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *flag = argv[i], *value = argv[i + 1];
    if (take_flag(&options, flag, value)) continue;
    if (strcmp(flag, "--burst") == 0) burst = atoi(value);
    else { fprintf(stderr, "flood: unknown flag %s\n", flag); return 2; }
  }
  int count = options.sockets;
  if (options.queries == NULL || count < 1 || count > MAX_SOCKETS || burst < 1 || burst > MAX_BURST || options.seconds <= 0) {
    fprintf(stderr, "usage: flood --server ADDR --port N --queries FILE --seconds S [--rate N] [--sockets N] [--burst N] [--cpu N]\n");
    return 2;
  }
  stay_on(options.cpu);
  queries = read_queries(options.queries);
  keep_one_length();
  open_sockets(&options);
  uint64_t start = clock_ns(CLOCK_MONOTONIC);
  run(count, options.rate, burst, start + (uint64_t)(options.seconds * 1e9));
  double took = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
  usleep(100000);
  for (int i = 0; i < count; i++) receive(i);
  printf("{\"sent\":%lu,\"refused\":%lu,\"sampled\":%lu,\"wrong\":%lu,\"seconds\":%.3f,\"rate\":%.0f}\n", sent, refused,
         sampled, wrong, took, (double)sent / took);
  return 0;
}
