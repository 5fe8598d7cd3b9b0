/* stream.c - see stream.h. */
#include "stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

enum { KEEP = 1 << 20 }; /* bytes of buffer memory kept when idle */

void stream_pair(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
        fatal("cannot make a stream: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        int size = 4 << 20; /* the kernel gives what net.core.wmem_max allows */
        if (setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
            setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
}

size_t stream_begin(struct stream *s, uint8_t type)
{
    buf_put_u32(&s->out, 0);
    buf_put_u8(&s->out, type);
    return buf_len(&s->out);
}

void stream_end(struct stream *s, size_t begun)
{
    put_u32(buf_head(&s->out) + begun - STREAM_HEAD, (uint32_t)(buf_len(&s->out) - begun));
}

static void wait_for(struct stream *s)
{
    uint32_t events = (s->paused ? 0 : EPOLLIN) | (buf_len(&s->out) ? EPOLLOUT : 0);
    loop_mod(s->loop, &s->io, events);
}

void stream_flush(struct stream *s)
{
    if (!s->open) return;
    while (buf_len(&s->out)) {
        ssize_t n = send(s->io.fd, buf_head(&s->out), buf_len(&s->out), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) buf_reset(&s->out, 0); /* gone: the read side will tell */
        if (n < 0) break;
        buf_drop(&s->out, (size_t)n);
    }
    if (buf_len(&s->out) == 0) buf_reset(&s->out, KEEP);
    wait_for(s);
}

static void end_with(struct stream *s, const char *why)
{
    if (s->open) s->ended(s, why);
}

/* Hands over every whole frame; stops when a callback closed or paused the stream. */
static void take_frames(struct stream *s)
{
    while (s->open && !s->paused && buf_len(&s->in) >= STREAM_HEAD) {
        const uint8_t *head = buf_head(&s->in);
        size_t n = get_u32(head);
        if (n > STREAM_FRAME_MAX) {
            end_with(s, STREAM_NONSENSE);
            return;
        }
        if (buf_len(&s->in) - STREAM_HEAD < n) break;
        if (!s->frame(s, head[4], (struct slice){head + STREAM_HEAD, n})) {
            end_with(s, STREAM_NONSENSE);
            return;
        }
        if (s->open) buf_drop(&s->in, STREAM_HEAD + n);
    }
    if (s->open && buf_len(&s->in) == 0) buf_reset(&s->in, KEEP);
}

void stream_pause(struct stream *s, bool pause)
{
    if (!s->open || s->paused == pause) return;
    s->paused = pause;
    wait_for(s);
    if (!pause) take_frames(s); /* what was read before the pause */
}

static void ready(struct loop_io *io, uint32_t events)
{
    struct stream *s = container_of(io, struct stream, io);
    if (events & EPOLLOUT) stream_flush(s);
    if (!s->open || !(events & ~(uint32_t)EPOLLOUT)) return;
    if (s->paused && !(events & (EPOLLHUP | EPOLLERR))) return;
    ssize_t n = recv(s->io.fd, buf_room(&s->in, STREAM_READ), STREAM_READ, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        end_with(s, n == 0 ? "closed" : strerror(errno));
        return;
    }
    buf_added(&s->in, (size_t)n);
    take_frames(s);
}

void stream_open(struct stream *s, struct loop *l, int fd, stream_frame *frame, stream_ended *ended,
                 void *owner)
{
    *s = (struct stream){.io = {.fd = fd, .ready = ready},
                         .loop = l,
                         .frame = frame,
                         .ended = ended,
                         .owner = owner,
                         .open = true};
    loop_add(l, &s->io, EPOLLIN);
}

void stream_close(struct stream *s)
{
    if (!s->open) return;
    s->open = false;
    loop_del(s->loop, &s->io);
    close(s->io.fd);
    buf_free(&s->in);
    buf_free(&s->out);
}
