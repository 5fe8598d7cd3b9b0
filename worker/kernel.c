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

/* What arrived less what still waits; read until nothing arrived in between. */
uint64_t kernel_read(int fd)
{
    uint64_t n;
    int waiting = 0;
    do {
        n = info(fd).tcpi_bytes_received;
        ioctl(fd, SIOCINQ, &waiting);
    } while (n != info(fd).tcpi_bytes_received);
    return n - (uint64_t)waiting;
}

/* What the peer acknowledged and what is queued for it; read until it holds still. */
uint64_t kernel_written(int fd)
{
    uint64_t n;
    int queued = 0;
    do {
        n = info(fd).tcpi_bytes_acked;
        ioctl(fd, SIOCOUTQ, &queued);
    } while (n != info(fd).tcpi_bytes_acked);
    return n + (uint64_t)queued;
}

bool kernel_ended(int fd)
{
    uint8_t state = info(fd).tcpi_state;
    return state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING || state == TCP_TIME_WAIT;
}
