/*
 * kernel.c - what the kernel knows of a TCP connection, whoever used it last. At hand-over it is
 * the baseline; a successor learns from it what a dead worker could not write down.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "worker.h"

/* linux/tcp.h has the long struct tcp_info, netinet/tcp.h the names of the states; not both. */
enum { TCP_TIME_WAIT = 6, TCP_CLOSE_WAIT = 8, TCP_LAST_ACK = 9, TCP_CLOSING = 11 };

static struct tcp_info info(int fd)
{
    struct tcp_info ti = {0};
    socklen_t len = sizeof ti;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len)) memset(&ti, 0, sizeof ti);
    return ti;
}

static bool same(const struct tcp_info *a, const struct tcp_info *b)
{
    return a->tcpi_bytes_received == b->tcpi_bytes_received && a->tcpi_bytes_acked == b->tcpi_bytes_acked &&
           a->tcpi_state == b->tcpi_state;
}

/* The peer's FIN counts as a byte received, and is none. */
static bool fin_received(uint8_t state)
{
    return state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING || state == TCP_TIME_WAIT;
}

/*
 * Read: what arrived less what still waits. Written: what the peer acknowledged and what is queued for
 * it. Asked again until nothing moved in between.
 */
struct kernel_counts kernel_count(int fd)
{
    struct tcp_info now = info(fd), before;
    int waiting, queued;
    do {
        before = now;
        waiting = queued = 0;
        ioctl(fd, SIOCINQ, &waiting);
        ioctl(fd, SIOCOUTQ, &queued);
        now = info(fd);
    } while (!same(&before, &now));
    struct kernel_counts k = {.read = (uint64_t)now.tcpi_bytes_received - (uint64_t)waiting,
                              .written = (uint64_t)now.tcpi_bytes_acked + (uint64_t)queued};
    if (fin_received(now.tcpi_state) && k.read > 0) k.read--;
    return k;
}

/* Nothing has been read, and nothing waits to be sent; some ends of a connection count its opening as a byte. */
struct kernel_counts kernel_fresh(int fd)
{
    return (struct kernel_counts){.read = 0, .written = info(fd).tcpi_bytes_acked};
}
