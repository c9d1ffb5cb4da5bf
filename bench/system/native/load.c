// A load generator for DNS servers: saturates (closed loop with a window) or holds a fixed rate (open loop), over UDP or
// pipelined TCP. Every reply's id, question, response code and answer count are checked. Prints one JSON object.
//
// At a fixed rate over UDP no reply is waited for, so a server that stalls cannot hide it: latency counts from the moment
// at which a query was sent to the one at which the kernel had the reply for us. How late queries were sent is told beside
// it (lagP99). Between two queries the generator sleeps, and when it may it runs before everything else (SCHED_FIFO): it
// stands for other machines, which take no processor from the server. Over TCP latency counts from when a query was due.
//
// usage: load --server ADDR --port N --queries FILE --seconds S [--rate N] [--window N] [--sockets N] [--tcp N]
//             [--cpu N] [--slice MS]
//
// FILE: as in sender.h.
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include "sender.h"

enum { BATCH = 64, SIZE = 65536, IDS = 65536, MAX_SOCKETS = 1024, BUCKETS = 4096, MAX_SLICES = 8192 };

// One socket and what is outstanding on it: due[id] is the time in ns from which the query's latency counts, 0: none is.
struct flow {
  int fd;
  uint16_t next;
  uint32_t outstanding;
  uint64_t *due;
  uint32_t *asked;
  unsigned char *in;
  size_t held;
  unsigned char *out;
  size_t out_length, out_sent;
};

static struct queries queries;
static uint32_t next_query;
static struct flow flows[MAX_SOCKETS];
static uint64_t sent, received, lost, wrong_id, wrong_rcode, wrong_count, wrong_question, send_errors;
static uint64_t histogram[BUCKETS], slice_histogram[BUCKETS], lag_histogram[BUCKETS];
static uint64_t latency_max, latency_sum;
static struct { double at, p50, p99, max; uint64_t count; } slices[MAX_SLICES];
static int slice_count;
static uint64_t slice_max, slice_total;

// The clock of the kernel's time stamps of packets.
static uint64_t now_ns(void) {
  return clock_ns(CLOCK_REALTIME);
}

static void sleep_until(uint64_t ns) {
  struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

// Buckets of 1/64 of a power of two: an error of at most 1.6 %.
static unsigned bucket_of(uint64_t ns) {
  if (ns < 64) return (unsigned)ns;
  unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 6u;
  unsigned bucket = (shift + 1) * 64u + (unsigned)((ns >> shift) & 63u);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double bucket_value(unsigned bucket) {
  if (bucket < 64) return bucket;
  unsigned shift = bucket / 64u - 1;
  return ((double)(64u + bucket % 64u) + 0.5) * (double)(1ull << shift);
}

static double percentile(const uint64_t *counts, uint64_t total, double share) {
  uint64_t want = (uint64_t)ceil((double)total * share), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += counts[i];
    if (seen >= want && seen > 0) return bucket_value(i) / 1000.0;
  }
  return 0;
}

static void close_slice(double at) {
  if (slice_count < MAX_SLICES) {
    slices[slice_count].at = at;
    slices[slice_count].p50 = percentile(slice_histogram, slice_total, 0.5);
    slices[slice_count].p99 = percentile(slice_histogram, slice_total, 0.99);
    slices[slice_count].max = (double)slice_max / 1000.0;
    slices[slice_count++].count = slice_total;
  }
  memset(slice_histogram, 0, sizeof slice_histogram);
  slice_total = slice_max = 0;
}

static void check(struct flow *flow, const unsigned char *reply, size_t length, uint64_t now) {
  if (length < 12) { wrong_id++; return; }
  uint16_t id = (uint16_t)(reply[0] << 8 | reply[1]);
  uint64_t due = flow->due[id];
  if (due == 0 || !(reply[2] & 0x80)) { wrong_id++; return; }
  const struct query *query = &queries.list[flow->asked[id]];
  flow->due[id] = 0;
  flow->outstanding--;
  received++;
  uint64_t latency = now > due ? now - due : 0;
  unsigned bucket = bucket_of(latency);
  histogram[bucket]++;
  slice_histogram[bucket]++;
  slice_total++;
  latency_sum += latency;
  if (latency > latency_max) latency_max = latency;
  if (latency > slice_max) slice_max = latency;
  if (is_rcode_wrong(query, reply)) wrong_rcode++;
  if (is_count_wrong(query, reply)) wrong_count++;
  // The question section of every query here is the first name, type and class behind the header.
  size_t end = 12;
  while (end < query->length && query->wire[end] != 0) end += query->wire[end] + 1u;
  end += 5;
  if (length < end || memcmp(reply + 12, query->wire + 12, end - 12) != 0) wrong_question++;
}

static uint16_t take_id(struct flow *flow) {
  while (flow->due[flow->next] != 0) flow->next++;
  return flow->next++;
}

static size_t compose(struct flow *flow, unsigned char *out, uint64_t due) {
  const struct query *query = &queries.list[next_query];
  uint16_t id = take_id(flow);
  flow->asked[id] = next_query;
  flow->due[id] = due;
  flow->outstanding++;
  next_query = next_query + 1 == queries.count ? 0 : next_query + 1;
  memcpy(out, query->wire, query->length);
  out[0] = (unsigned char)(id >> 8);
  out[1] = (unsigned char)id;
  return query->length;
}

// Gives up on queries older than a second (all of them when `all`).
static void expire(int count, uint64_t now, bool all) {
  for (int f = 0; f < count; f++) {
    if (flows[f].outstanding == 0) continue;
    for (int id = 0; id < IDS; id++) {
      if (flows[f].due[id] == 0 || (!all && now < flows[f].due[id] + 1000000000u)) continue;
      flows[f].due[id] = 0;
      flows[f].outstanding--;
      lost++;
    }
  }
}

static unsigned char (*udp_in)[4096], (*udp_out)[512];

// When the kernel got the packet; `now` when it does not say.
static uint64_t stamp_of(struct msghdr *message, uint64_t now) {
  struct cmsghdr *control = CMSG_FIRSTHDR(message);
  if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS) return now;
  struct timespec t;
  memcpy(&t, CMSG_DATA(control), sizeof t);
  return ns_of(&t);
}

// Takes what has come, up to a batch. Returns how many.
static int udp_receive(struct flow *flow, bool is_stamped) {
  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  static unsigned char controls[BATCH][CMSG_SPACE(sizeof(struct timespec))];
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){udp_in[i], 4096};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    if (is_stamped) messages[i].msg_hdr.msg_control = controls[i], messages[i].msg_hdr.msg_controllen = sizeof controls[i];
  }
  int count = recvmmsg(flow->fd, messages, BATCH, MSG_DONTWAIT, NULL);
  if (count <= 0) return 0;
  uint64_t now = now_ns();
  for (int i = 0; i < count; i++) {
    check(flow, udp_in[i], messages[i].msg_len, is_stamped ? stamp_of(&messages[i].msg_hdr, now) : now);
  }
  return count;
}

static void udp_send(struct flow *flow, int count, uint64_t now) {
  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  for (int i = 0; i < count; i++) {
    vectors[i] = (struct iovec){udp_out[i], compose(flow, udp_out[i], now)};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  for (int done = 0; done < count;) {
    int n = sendmmsg(flow->fd, messages + done, (unsigned)(count - done), 0);
    if (n <= 0) {
      if (errno == EAGAIN || errno == ENOBUFS) continue;
      if (errno == ECONNREFUSED) { send_errors++; continue; }
      send_errors += (uint64_t)(count - done);
      break;
    }
    done += n;
  }
  sent += (uint64_t)count;
}

// Takes what has come on all sockets.
static void udp_drain(int count, bool is_stamped) {
  for (int i = 0; i < count; i++) while (udp_receive(&flows[i], is_stamped) == BATCH) continue;
}

// What has to be done from time to time, and the time of the next.
static void keep_books(int count, uint64_t start, uint64_t now, uint64_t slice, uint64_t *next_expire, uint64_t *next_slice) {
  if (now >= *next_expire) {
    expire(count, now, false);
    *next_expire = now + 500000000u;
  }
  if (now >= *next_slice) {
    close_slice((double)(*next_slice - start) / 1e9);
    *next_slice += slice;
  }
}

// Runs until `end`; with `window` queries outstanding on each socket.
static void run_closed(int count, uint32_t window, uint64_t start, uint64_t end, uint64_t slice) {
  uint64_t next_expire = start + 500000000u, next_slice = start + slice;
  int f = 0;
  for (uint64_t now = start; now < end; now = now_ns()) {
    struct flow *flow = &flows[f];
    f = f + 1 == count ? 0 : f + 1;
    uint32_t room = window > flow->outstanding ? window - flow->outstanding : 0;
    int n = room < BATCH ? (int)room : BATCH;
    if (n >= (int)(window < 32 ? window : 32)) udp_send(flow, n, now);
    udp_receive(flow, false);
    keep_books(count, start, now, slice, &next_expire, &next_slice);
  }
}

// Before everything else, when that is allowed, and woken on the microsecond.
static void run_first(void) {
  struct sched_param priority = {.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  prctl(PR_SET_TIMERSLACK, 1ul);
}

// Runs until `end` and sends `rate` queries a second, whatever comes back, from the sockets in turn.
static void run_open(int count, double rate, uint64_t start, uint64_t end, uint64_t slice) {
  uint64_t next_expire = start + 500000000u, next_slice = start + slice;
  double interval = 1e9 / rate, next_due = (double)start;
  int one = 1, f = 0;
  for (int i = 0; i < count; i++) setsockopt(flows[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
  run_first();
  for (uint64_t now = start; now < end; now = now_ns()) {
    struct flow *flow = &flows[f];
    int n = 0;
    for (; n < BATCH && next_due <= (double)now && flow->outstanding < 60000; n++) {
      lag_histogram[bucket_of(now - (uint64_t)next_due)]++;
      next_due += interval;
    }
    if (n > 0) {
      udp_send(flow, n, now);
      f = f + 1 == count ? 0 : f + 1;
    }
    udp_drain(count, true);
    keep_books(count, start, now, slice, &next_expire, &next_slice);
    if (next_due > (double)now) sleep_until((uint64_t)next_due);
  }
}

static void run_udp(int count, uint32_t window, double rate, uint64_t start, uint64_t end, uint64_t slice) {
  if (rate > 0) run_open(count, rate, start, end, slice);
  else run_closed(count, window, start, end, slice);
  for (uint64_t until = now_ns() + 300000000u; now_ns() < until; sleep_until(now_ns() + 1000000u)) udp_drain(count, rate > 0);
  expire(count, now_ns(), true);
}

static void tcp_flush(struct flow *flow) {
  while (flow->out_sent < flow->out_length) {
    ssize_t n = send(flow->fd, flow->out + flow->out_sent, flow->out_length - flow->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) return;
    flow->out_sent += (size_t)n;
  }
  flow->out_sent = flow->out_length = 0;
}

// Puts one query behind those that wait to be sent.
static void tcp_put(struct flow *flow, uint64_t due) {
  unsigned char *at = flow->out + flow->out_length;
  size_t length = compose(flow, at + 2, due);
  at[0] = (unsigned char)(length >> 8);
  at[1] = (unsigned char)length;
  flow->out_length += length + 2;
  sent++;
}

static void tcp_fill(struct flow *flow, uint32_t window, uint64_t now) {
  if (flow->out_length != 0) return tcp_flush(flow);
  while (flow->outstanding < window && flow->out_length + 514 < SIZE) tcp_put(flow, now);
  tcp_flush(flow);
}

static bool tcp_receive(struct flow *flow) {
  ssize_t n = recv(flow->fd, flow->in + flow->held, 2 * SIZE - flow->held, MSG_DONTWAIT);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN;
  flow->held += (size_t)n;
  uint64_t now = now_ns();
  size_t at = 0;
  while (flow->held - at >= 2) {
    size_t length = (size_t)(flow->in[at] << 8 | flow->in[at + 1]);
    if (flow->held - at < length + 2) break;
    check(flow, flow->in + at + 2, length, now);
    at += length + 2;
  }
  memmove(flow->in, flow->in + at, flow->held - at);
  flow->held -= at;
  return true;
}

// One query that was due at `due`, on its way at once; false when the connection takes no more.
static bool tcp_ask(struct flow *flow, uint64_t due) {
  if (flow->out_sent == flow->out_length) flow->out_sent = flow->out_length = 0;
  if (flow->out_length + 514 >= SIZE || flow->outstanding >= 60000) return false;
  tcp_put(flow, due);
  tcp_flush(flow);
  return true;
}

// Reads what came, and for the closed loop asks as much again.
static void tcp_serve(int poll, int timeout, uint32_t window) {
  struct epoll_event events[128];
  int n = epoll_wait(poll, events, 128, timeout);
  for (int i = 0; i < n; i++) {
    struct flow *flow = &flows[events[i].data.u32];
    if (!tcp_receive(flow)) { epoll_ctl(poll, EPOLL_CTL_DEL, flow->fd, NULL); send_errors++; continue; }
    if (window > 0) tcp_fill(flow, window, now_ns());
    else if (flow->out_sent < flow->out_length) tcp_flush(flow);
  }
}

// Runs until `end`; rate > 0: open loop, the connections in turn; otherwise closed loop with `window` on each.
static void run_tcp(int count, uint32_t window, double rate, uint64_t start, uint64_t end, uint64_t slice) {
  int poll = epoll_create1(0);
  uint64_t next_slice = start + slice;
  double interval = rate > 0 ? 1e9 / rate : 0, next_due = (double)start;
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    epoll_ctl(poll, EPOLL_CTL_ADD, flows[i].fd, &event);
    if (rate == 0) tcp_fill(&flows[i], window, now_ns());
  }
  int f = 0;
  for (uint64_t now = start; now < end; now = now_ns()) {
    for (; rate > 0 && next_due <= (double)now && tcp_ask(&flows[f], (uint64_t)next_due); next_due += interval) {
      f = f + 1 == count ? 0 : f + 1;
    }
    tcp_serve(poll, rate > 0 ? 0 : 10, rate > 0 ? 0 : window);
    if (now >= next_slice) {
      close_slice((double)(next_slice - start) / 1e9);
      next_slice += slice;
    }
  }
  if (rate > 0) {
    for (uint64_t until = now_ns() + 300000000u; now_ns() < until;) tcp_serve(poll, 10, 0);
    expire(count, now_ns(), true);
  } else {
    // What is in flight when the closed loop ends was not given time to be answered.
    for (int i = 0; i < count; i++) for (int id = 0; id < IDS; id++) if (flows[i].due[id] != 0) sent--;
  }
}

static void open_flows(const struct options *options, int count, bool tcp) {
  struct sockaddr_storage address;
  socklen_t length = address_of(options, &address);
  for (int i = 0; i < count; i++) {
    struct flow *flow = &flows[i];
    int size = 4 << 20, one = 1;
    flow->fd = socket(address.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (tcp) setsockopt(flow->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct timeval patience = {.tv_sec = 2};
    setsockopt(flow->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (flow->fd < 0 || connect(flow->fd, (struct sockaddr *)&address, length) != 0) fail("load: connect");
    flow->due = calloc(IDS, sizeof *flow->due);
    flow->asked = calloc(IDS, sizeof *flow->asked);
    if (tcp) flow->in = malloc(2 * SIZE), flow->out = malloc(SIZE);
  }
}

static void print_result(double seconds) {
  printf("{\"sent\":%lu,\"received\":%lu,\"lost\":%lu,\"wrongId\":%lu,\"wrongRcode\":%lu,\"wrongCount\":%lu,"
         "\"wrongQuestion\":%lu,\"sendErrors\":%lu,\"seconds\":%.3f,\"qps\":%.0f,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
         "\"p999\":%.1f,\"max\":%.1f,\"lagP99\":%.1f,\"slices\":[",
         sent, received, lost, wrong_id, wrong_rcode, wrong_count, wrong_question, send_errors, seconds,
         (double)received / seconds, received > 0 ? (double)latency_sum / 1000.0 / (double)received : 0,
         percentile(histogram, received, 0.5), percentile(histogram, received, 0.9),
         percentile(histogram, received, 0.99), percentile(histogram, received, 0.999), (double)latency_max / 1000.0, percentile(lag_histogram, sent, 0.99));
  for (int i = 0; i < slice_count; i++) {
    printf("%s{\"at\":%.3f,\"count\":%lu,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", i == 0 ? "" : ",", slices[i].at,
           slices[i].count, slices[i].p50, slices[i].p99, slices[i].max);
  }
  printf("]}\n");
}

int main(int argc, char **argv) {
  struct options options = {.server = "::1", .port = 53, .sockets = 1, .cpu = -1, .seconds = 5};
  int tcp = 0;
  uint32_t window = 256;
  uint64_t slice = 100;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *flag = argv[i], *value = argv[i + 1];
    if (take_flag(&options, flag, value)) continue;
    if (strcmp(flag, "--window") == 0) window = (uint32_t)atoi(value);
    else if (strcmp(flag, "--tcp") == 0) tcp = atoi(value);
    else if (strcmp(flag, "--slice") == 0) slice = (uint64_t)atoi(value);
    else { fprintf(stderr, "load: unknown flag %s\n", flag); return 2; }
  }
  int count = tcp > 0 ? tcp : options.sockets;
  if (options.queries == NULL || count < 1 || count > MAX_SOCKETS || options.seconds <= 0 || window == 0 || window > 30000 || slice == 0) {
    fprintf(stderr, "usage: load --server ADDR --port N --queries FILE --seconds S [--rate N] [--window N] [--sockets N] [--tcp N] [--cpu N] [--slice MS]\n");
    return 2;
  }
  stay_on(options.cpu);
  queries = read_queries(options.queries);
  open_flows(&options, count, tcp > 0);
  udp_in = calloc(BATCH, sizeof *udp_in);
  udp_out = calloc(BATCH, sizeof *udp_out);
  uint64_t start = now_ns(), end = start + (uint64_t)(options.seconds * 1e9);
  if (tcp > 0) run_tcp(count, window, options.rate, start, end, slice * 1000000u);
  else run_udp(count, window, options.rate, start, end, slice * 1000000u);
  print_result((double)(end - start) / 1e9);
  return 0;
}
