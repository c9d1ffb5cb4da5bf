// Ways to receive and answer UDP packets on Linux, to be compared by CPU time for each packet: `node
// bench/system/variants.ts`. Each echoes with one bit changed, as echo.c does. What came of it:
// docs/decisions/0010-system-interfaces-of-the-udp-worker.md.
//
// usage: variants ADDRESS PORT WAY [BATCH]
//   mmsg     recvmmsg (MSG_WAITFORONE) and sendmmsg, BATCH packets: what the UDP worker does
//   single   recvfrom and sendto for each packet
//   poll     poll, then recvmmsg without waiting, and sendmmsg
//   busy     mmsg with SO_BUSY_POLL and SO_PREFER_BUSY_POLL
//   shared   mmsg, replies sent from the headers and vectors that received them
//   gso      recvmmsg with UDP_GRO, replies of equal length to one peer joined by UDP_SEGMENT
//   uring    io_uring: one multishot recvmsg into provided buffers, sendmsg for each reply, one enter for a batch
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif

enum { MAX_BATCH = 1024, SIZE = 4096, CONTROL = 64, BUFFERS = 1024, ENTRIES = 1024 };

static unsigned char packets[MAX_BATCH][SIZE];
static struct sockaddr_in6 peers[MAX_BATCH];
static struct iovec vectors[MAX_BATCH], reply_vectors[MAX_BATCH];
static struct mmsghdr messages[MAX_BATCH], replies[MAX_BATCH];
static unsigned char controls[MAX_BATCH][CONTROL];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_socket(const char *text, int port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
  if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1) fail("variants: address");
  int fd = socket(AF_INET6, SOCK_DGRAM, 0), size = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("variants: bind");
  return fd;
}

static void wire(int batch) {
  for (int i = 0; i < batch; i++) {
    vectors[i] = (struct iovec){packets[i], SIZE};
    reply_vectors[i] = (struct iovec){packets[i], 0};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    replies[i].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &reply_vectors[i], .msg_iovlen = 1};
  }
}

static void send_all(int fd, struct mmsghdr *batch, int count) {
  for (int sent = 0; sent < count;) {
    int n = sendmmsg(fd, batch + sent, (unsigned)(count - sent), 0);
    if (n <= 0) break;
    sent += n;
  }
}

static void serve_mmsg(int fd, int batch, bool polls, bool shares) {
  wire(batch);
  struct pollfd polled = {.fd = fd, .events = POLLIN};
  for (;;) {
    if (polls && poll(&polled, 1, 50) <= 0) continue;
    int count = recvmmsg(fd, messages, (unsigned)batch, polls ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
    if (count <= 0) continue;
    for (int i = 0; i < count; i++) {
      packets[i][2] |= 0x80;
      (shares ? vectors : reply_vectors)[i].iov_len = messages[i].msg_len;
    }
    send_all(fd, shares ? messages : replies, count);
    for (int i = 0; i < count; i++) {
      if (shares) vectors[i].iov_len = SIZE;
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
  }
}

static void serve_single(int fd) {
  for (;;) {
    socklen_t length = sizeof peers[0];
    ssize_t n = recvfrom(fd, packets[0], SIZE, 0, (struct sockaddr *)&peers[0], &length);
    if (n < 3) continue;
    packets[0][2] |= 0x80;
    sendto(fd, packets[0], (size_t)n, 0, (struct sockaddr *)&peers[0], length);
  }
}

// Joins what the kernel has joined (UDP_GRO), and neighbours of equal length to one peer.
static void serve_gso(int fd, int batch) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) != 0) fail("variants: UDP_GRO");
  wire(batch);
  static unsigned char received[MAX_BATCH][CONTROL];
  static struct iovec joined[MAX_BATCH];
  for (;;) {
    for (int i = 0; i < batch; i++) {
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
      messages[i].msg_hdr.msg_control = received[i];
      messages[i].msg_hdr.msg_controllen = CONTROL;
    }
    int count = recvmmsg(fd, messages, (unsigned)batch, MSG_WAITFORONE, NULL), out = 0;
    for (int i = 0; i < count;) {
      int first = i;
      unsigned length = messages[i].msg_len;
      struct cmsghdr *got = CMSG_FIRSTHDR(&messages[i].msg_hdr);
      bool is_joined = got != NULL && got->cmsg_type == UDP_GRO;
      unsigned segment = is_joined ? *(unsigned short *)CMSG_DATA(got) : length;
      for (unsigned at = 0; at + 2 < length; at += segment) packets[i][at + 2] |= 0x80;
      joined[i] = (struct iovec){packets[i], length};
      for (i++; !is_joined && i < count && i - first < 60 && messages[i].msg_len == length && memcmp(&peers[i], &peers[first], 8) == 0; i++) {
        packets[i][2] |= 0x80;
        joined[i] = (struct iovec){packets[i], length};
      }
      struct msghdr *reply = &replies[out++].msg_hdr;
      *reply = (struct msghdr){.msg_name = &peers[first], .msg_namelen = sizeof peers[0], .msg_iov = &joined[first], .msg_iovlen = (size_t)(i - first)};
      if (i - first == 1 && !is_joined) continue;
      reply->msg_control = controls[first];
      reply->msg_controllen = CMSG_SPACE(sizeof(unsigned short));
      struct cmsghdr *control = CMSG_FIRSTHDR(reply);
      control->cmsg_level = IPPROTO_UDP, control->cmsg_type = UDP_SEGMENT, control->cmsg_len = CMSG_LEN(sizeof(unsigned short));
      *(unsigned short *)CMSG_DATA(control) = (unsigned short)segment;
    }
    send_all(fd, replies, out);
  }
}

// The rings as the kernel laid them out (io_uring(7)).
static struct {
  int fd;
  unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
  struct io_uring_sqe *sqes;
  struct io_uring_cqe *cqes;
  struct io_uring_buf_ring *buffers;
  unsigned to_submit;
} ring;
static unsigned char *pool;
static const size_t POOL_SIZE = 2048;

static void setup_ring(void) {
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = 4 * ENTRIES};
  ring.fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
  if (ring.fd < 0) fail("variants: io_uring_setup");
  size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  size_t size = sq_size > cq_size ? sq_size : cq_size;
  unsigned char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING);
  ring.sqes = mmap(NULL, params.sq_entries * sizeof *ring.sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
  if (rings == MAP_FAILED || ring.sqes == MAP_FAILED) fail("variants: mmap");
  ring.sq_tail = (unsigned *)(rings + params.sq_off.tail), ring.sq_mask = (unsigned *)(rings + params.sq_off.ring_mask);
  ring.sq_array = (unsigned *)(rings + params.sq_off.array), ring.cq_head = (unsigned *)(rings + params.cq_off.head);
  ring.cq_tail = (unsigned *)(rings + params.cq_off.tail), ring.cq_mask = (unsigned *)(rings + params.cq_off.ring_mask);
  ring.cqes = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
  ring.buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  struct io_uring_buf_reg reg = {.ring_addr = (unsigned long)ring.buffers, .ring_entries = BUFFERS, .bgid = 0};
  if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PBUF_RING, &reg, 1) != 0) fail("variants: buffer ring");
  pool = mmap(NULL, BUFFERS * POOL_SIZE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
}

static void give_buffer(unsigned short id) {
  unsigned short tail = ring.buffers->tail;
  struct io_uring_buf *buffer = &ring.buffers->bufs[tail & (BUFFERS - 1)];
  buffer->addr = (unsigned long)(pool + id * POOL_SIZE), buffer->len = (unsigned)POOL_SIZE, buffer->bid = id;
  __atomic_store_n(&ring.buffers->tail, (unsigned short)(tail + 1), __ATOMIC_RELEASE);
}

static struct io_uring_sqe *next_sqe(void) {
  unsigned tail = *ring.sq_tail, at = tail & *ring.sq_mask;
  struct io_uring_sqe *sqe = &ring.sqes[at];
  memset(sqe, 0, sizeof *sqe);
  ring.sq_array[at] = at;
  __atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
  ring.to_submit++;
  return sqe;
}

static void serve_uring(int fd, int batch) {
  static struct msghdr receive = {.msg_namelen = sizeof(struct sockaddr_in6)}, sends[BUFFERS];
  static struct iovec send_vectors[BUFFERS];
  setup_ring();
  for (unsigned short i = 0; i < BUFFERS; i++) give_buffer(i);
  bool is_armed = false;
  for (;;) {
    if (!is_armed) {
      struct io_uring_sqe *sqe = next_sqe();
      sqe->opcode = IORING_OP_RECVMSG, sqe->fd = fd, sqe->addr = (unsigned long)&receive, sqe->ioprio = IORING_RECV_MULTISHOT;
      sqe->flags = IOSQE_BUFFER_SELECT, sqe->buf_group = 0, sqe->user_data = ~0ull;
      is_armed = true;
    }
    int n = (int)syscall(SYS_io_uring_enter, ring.fd, ring.to_submit, 1, IORING_ENTER_GETEVENTS, NULL, 0);
    if (n >= 0) ring.to_submit -= (unsigned)n;
    else if (errno != EINTR && errno != EBUSY && errno != EAGAIN) fail("variants: io_uring_enter");
    unsigned head = *ring.cq_head, tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
    for (int served = 0; head != tail && served < batch; head++) {
      struct io_uring_cqe *cqe = &ring.cqes[head & *ring.cq_mask];
      if (cqe->user_data != ~0ull) {
        give_buffer((unsigned short)cqe->user_data);
        continue;
      }
      served++;
      if (!(cqe->flags & IORING_CQE_F_MORE)) is_armed = false;
      if (cqe->res < (int)sizeof(struct io_uring_recvmsg_out) || !(cqe->flags & IORING_CQE_F_BUFFER)) continue;
      unsigned short id = (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
      struct io_uring_recvmsg_out *out = (struct io_uring_recvmsg_out *)(pool + id * POOL_SIZE);
      unsigned char *name = (unsigned char *)(out + 1), *payload = name + sizeof(struct sockaddr_in6);
      payload[2] |= 0x80;
      send_vectors[id] = (struct iovec){payload, out->payloadlen};
      sends[id] = (struct msghdr){.msg_name = name, .msg_namelen = sizeof(struct sockaddr_in6), .msg_iov = &send_vectors[id], .msg_iovlen = 1};
      struct io_uring_sqe *sqe = next_sqe();
      sqe->opcode = IORING_OP_SENDMSG, sqe->fd = fd, sqe->addr = (unsigned long)&sends[id], sqe->len = 1, sqe->user_data = id;
    }
    __atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
  }
}

int main(int argc, char **argv) {
  const char *way = argc > 3 ? argv[3] : "";
  int batch = argc > 4 ? atoi(argv[4]) : 64;
  if (argc < 4 || batch < 1 || batch > MAX_BATCH) {
    fprintf(stderr, "usage: variants ADDRESS PORT mmsg|single|poll|busy|shared|gso|uring [BATCH]\n");
    return 2;
  }
  int fd = open_socket(argv[1], atoi(argv[2]));
  if (strcmp(way, "busy") == 0) {
    int microseconds = 50, on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &microseconds, sizeof microseconds) != 0) fail("variants: SO_BUSY_POLL");
    if (setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) != 0) fail("variants: SO_PREFER_BUSY_POLL");
  }
  if (strcmp(way, "mmsg") == 0 || strcmp(way, "busy") == 0) serve_mmsg(fd, batch, false, false);
  else if (strcmp(way, "shared") == 0) serve_mmsg(fd, batch, false, true);
  else if (strcmp(way, "poll") == 0) serve_mmsg(fd, batch, true, false);
  else if (strcmp(way, "single") == 0) serve_single(fd);
  else if (strcmp(way, "gso") == 0) serve_gso(fd, batch);
  else if (strcmp(way, "uring") == 0) serve_uring(fd, batch);
  fprintf(stderr, "variants: unknown way %s\n", way);
  return 2;
}
