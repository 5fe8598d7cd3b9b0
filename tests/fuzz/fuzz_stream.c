/*
 * fuzz_stream.c - stream.c takes frames out of a byte stream that is cut anywhere, and is paused
 * and resumed in between; a plain reader of the whole stream must see the same frames and the same
 * end.
 *
 * Input: a frame type that is refused, a number of steps, the steps (bytes to hand over, or pause
 * and resume), then the stream.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "quiet_loop.h"
#include "stream.h"

enum { STEP_PAUSE = 254, STEP_RESUME = 255, PAUSING = 8 };

struct seen {
    size_t frames, bytes, sum;
    const char *end;
};

static struct seen got;
static uint8_t refused;

static size_t weigh(size_t sum, uint8_t type, struct slice p)
{
    sum = sum * 31 + type;
    for (size_t i = 0; i < p.len; i++)
        sum = sum * 31 + p.data[i];
    return sum;
}

static bool on_frame(struct stream *s, uint8_t type, struct slice p)
{
    CHECK(s->owner == &got);
    if (type == refused) return false;
    got.frames++;
    got.bytes += p.len;
    got.sum = weigh(got.sum, type, p);
    if (type == PAUSING) stream_pause(s, true); /* frames behind it have been read already */
    return true;
}

static void on_end(struct stream *s, const char *why)
{
    CHECK(!got.end);
    got.end = why;
    stream_close(s);
}

/* What a reader of everything that was handed over sees. */
static struct seen plain_reader(const uint8_t *p, size_t n)
{
    struct seen want = {0};
    for (size_t at = 0; n - at >= STREAM_HEAD && !want.end;) {
        size_t len = get_u32(p + at);
        uint8_t type = p[at + 4];
        if (len > STREAM_FRAME_MAX) want.end = STREAM_NONSENSE;
        if (want.end || n - at - STREAM_HEAD < len) break;
        if (type == refused) {
            want.end = STREAM_NONSENSE;
            break;
        }
        want.frames++;
        want.bytes += len;
        want.sum = weigh(want.sum, type, (struct slice){p + at + STREAM_HEAD, len});
        at += STREAM_HEAD + len;
    }
    return want;
}

static void hand_over(struct stream *s, int peer, struct cur *in, size_t n)
{
    size_t left = (size_t)(in->end - in->p);
    if (n > left) n = left;
    if (n == 0 || !s->open) return;
    CHECK(write(peer, cur_bytes(in, n), n) == (ssize_t)n);
    s->io.ready(&s->io, EPOLLIN);
}

static void compare(const struct stream *s, const uint8_t *stream, size_t n)
{
    struct seen want = plain_reader(stream, n);
    CHECK(want.frames == got.frames && want.bytes == got.bytes && want.sum == got.sum);
    CHECK(!want.end == !got.end && (!want.end || strcmp(want.end, got.end) == 0));
    CHECK(s->open == !got.end);
}

/* Until nothing that was written waits any more. */
static void resume(struct stream *s)
{
    do {
        stream_pause(s, false);
        if (s->open && !s->paused) s->io.ready(&s->io, EPOLLIN);
    } while (s->open && s->paused);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    int fd[2];
    struct loop loop;
    struct stream s;
    refused = cur_u8(&in);
    struct slice steps = fuzz_piece(&in);
    const uint8_t *stream = in.p;
    if (in.bad) return 0;
    got = (struct seen){0};
    loop_init(&loop);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
    stream_open(&s, &loop, fd[0], on_frame, on_end, &got);
    for (size_t i = 0; i < steps.len && s.open; i++) {
        if (steps.data[i] >= STEP_PAUSE)
            stream_pause(&s, steps.data[i] == STEP_PAUSE);
        else
            hand_over(&s, fd[1], &in, steps.data[i]);
    }
    resume(&s);
    hand_over(&s, fd[1], &in, SIZE_MAX);
    resume(&s);
    compare(&s, stream, (size_t)(in.p - stream));
    close(fd[1]);
    if (s.open) {
        s.io.ready(&s.io, EPOLLIN | EPOLLHUP);
        CHECK(got.end && strcmp(got.end, "closed") == 0);
    }
    stream_close(&s);
    return 0;
}
