/* test_stream.c - frames over a Unix stream: cut anywhere, too long, held back, ended. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>

#include "stream.h"

static struct loop loop;
static struct stream near;
static int far;
static struct buf taken; /* type, length and payload of every frame */
static unsigned frames, ends, closing_frame;
static bool nonsense;
static char why[64];

static bool on_frame(struct stream *s, uint8_t type, struct slice payload)
{
    frames++;
    buf_put_u8(&taken, type);
    buf_put_u32(&taken, (uint32_t)payload.len);
    buf_put(&taken, payload.data, payload.len);
    if (type == 'P') stream_pause(s, true);
    if (frames == closing_frame) stream_close(s);
    return !nonsense;
}

static void on_end(struct stream *s, const char *reason)
{
    ends++;
    size_t n = strlen(reason);
    memcpy(why, reason, n < sizeof why ? n + 1 : sizeof why);
    why[sizeof why - 1] = 0;
    stream_close(s);
}

static void stop(void *arg)
{
    (void)arg;
    loop.stop = true;
}

static void nothing(struct loop_timer *t)
{
    (void)t;
}

/* One turn of the loop, whether something is ready or not. */
static void turn(void)
{
    struct loop_timer now = {.fire = nothing};
    loop.stop = false;
    loop_timer_set(&loop, &now, 0);
    loop_run(&loop);
}

static int set_up(void **state)
{
    int fd[2];
    (void)state;
    loop_init(&loop);
    loop.end_of_turn = stop;
    stream_pair(fd);
    far = fd[1];
    stream_open(&near, &loop, fd[0], on_frame, on_end, NULL);
    frames = ends = closing_frame = 0;
    nonsense = false;
    why[0] = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stream_close(&near);
    stream_close(&near); /* twice is fine */
    if (far >= 0) close(far);
    close(loop.epfd);
    buf_free(&taken);
    return 0;
}

static void put_frame(struct buf *b, uint8_t type, const void *payload, size_t n)
{
    buf_put_u32(b, (uint32_t)n);
    buf_put_u8(b, type);
    buf_put(b, payload, n);
}

static void from_far(const void *data, size_t n)
{
    assert_int_equal(write(far, data, n), (ssize_t)n);
}

/* What was taken is this frame alone. */
static void expect_frame(uint8_t type, const void *payload, size_t n)
{
    struct cur c = cur_of(buf_head(&taken), buf_len(&taken));
    assert_int_equal(cur_u8(&c), type);
    assert_int_equal(cur_u32(&c), n);
    const uint8_t *got = cur_bytes(&c, n);
    assert_non_null(got);
    if (n) assert_memory_equal(got, payload, n);
    buf_drop(&taken, 5 + n);
}

static void frames_cut_at_every_byte(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 1, "first", 5);
    put_frame(&b, 2, "", 0);
    put_frame(&b, 3, "and the third", 13);
    for (size_t cut = 0; cut <= buf_len(&b); cut++) {
        frames = 0;
        if (cut) from_far(buf_head(&b), cut);
        turn();
        assert_int_equal(frames, (cut >= 10) + (cut >= 15) + (cut >= 33));
        if (cut < buf_len(&b)) from_far(buf_head(&b) + cut, buf_len(&b) - cut);
        turn();
        assert_int_equal(frames, 3);
        expect_frame(1, "first", 5);
        expect_frame(2, "", 0);
        expect_frame(3, "and the third", 13);
    }
    assert_int_equal(ends, 0);
    buf_free(&b);
}

static void one_byte_at_a_time(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 9, "slowly", 6);
    for (size_t i = 0; i < buf_len(&b); i++) {
        assert_int_equal(frames, 0);
        from_far(buf_head(&b) + i, 1);
        turn();
    }
    expect_frame(9, "slowly", 6);
    buf_free(&b);
}

/* The length alone decides: nothing of a frame that is too long is kept waiting for. */
static void too_long_is_nonsense(void **state)
{
    (void)state;
    uint8_t head[STREAM_HEAD] = {0};
    put_u32(head, STREAM_FRAME_MAX + 1);
    from_far(head, sizeof head);
    turn();
    assert_int_equal(ends, 1);
    assert_string_equal(why, STREAM_NONSENSE);
    assert_false(near.open);
    assert_null(near.in.data);
}

static void the_longest_frame_comes_whole(void **state)
{
    (void)state;
    static uint8_t payload[STREAM_FRAME_MAX];
    struct buf b = {0};
    randombytes_buf(payload, sizeof payload);
    put_frame(&b, 4, payload, sizeof payload);
    while (buf_len(&b)) {
        ssize_t n = send(far, buf_head(&b), buf_len(&b), MSG_DONTWAIT);
        if (n > 0) buf_drop(&b, (size_t)n);
        turn();
        if (buf_len(&b)) assert_int_equal(frames, 0);
    }
    while (frames == 0)
        turn();
    expect_frame(4, payload, sizeof payload);
    turn();
    assert_true(near.in.cap <= 1 << 20); /* and its memory does not stay */
    buf_free(&b);
}

static void a_refused_frame_ends_it(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 1, "x", 1);
    put_frame(&b, 2, "y", 1);
    nonsense = true;
    from_far(buf_head(&b), buf_len(&b));
    turn();
    assert_int_equal(frames, 1);
    assert_int_equal(ends, 1);
    assert_string_equal(why, STREAM_NONSENSE);
    buf_free(&b);
}

static void a_callback_may_close_it(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 1, "x", 1);
    put_frame(&b, 2, "y", 1);
    closing_frame = 1;
    from_far(buf_head(&b), buf_len(&b));
    turn();
    turn();
    assert_int_equal(frames, 1);
    assert_int_equal(ends, 0);
    assert_false(near.open);
    buf_free(&b);
}

/* What came before the end is handed over first; half a frame is not. */
static void the_end_comes_last(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 1, "x", 1);
    put_frame(&b, 2, "lost", 4);
    from_far(buf_head(&b), buf_len(&b) - 1);
    close(far);
    far = -1;
    for (unsigned i = 0; i < 3; i++)
        turn();
    assert_int_equal(frames, 1);
    assert_int_equal(ends, 1);
    assert_string_equal(why, "closed");
    buf_free(&b);
}

/* --- pausing --- */

static void a_paused_stream_reads_nothing(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 1, "x", 1);
    stream_pause(&near, true);
    from_far(buf_head(&b), buf_len(&b));
    turn();
    turn();
    assert_int_equal(frames, 0);
    assert_int_equal(buf_len(&near.in), 0);
    stream_pause(&near, false);
    turn();
    assert_int_equal(frames, 1);
    buf_free(&b);
}

/* Paused in the middle of what one read brought: resuming goes on with it at once, nobody needs to
 * send. */
static void resuming_handles_what_was_buffered(void **state)
{
    (void)state;
    struct buf b = {0};
    put_frame(&b, 'P', "1", 1);
    put_frame(&b, 'P', "2", 1);
    put_frame(&b, 'n', "3", 1);
    from_far(buf_head(&b), buf_len(&b));
    turn();
    turn();
    assert_int_equal(frames, 1);
    stream_pause(&near, false);
    assert_int_equal(frames, 2);
    assert_true(near.paused);
    stream_pause(&near, false);
    assert_int_equal(frames, 3);
    expect_frame('P', "1", 1);
    expect_frame('P', "2", 1);
    expect_frame('n', "3", 1);
    stream_pause(&near, false);
    assert_int_equal(frames, 3);
    buf_free(&b);
}

/* --- writing --- */

static void written_frames_can_be_read(void **state)
{
    (void)state;
    uint8_t got[64];
    size_t at = stream_begin(&near, 7);
    buf_put(&near.out, "abc", 3);
    stream_end(&near, at);
    at = stream_begin(&near, 8);
    stream_end(&near, at);
    assert_int_equal(stream_waiting(&near), 13);
    assert_int_equal(recv(far, got, sizeof got, MSG_DONTWAIT), -1); /* gathered until the flush */
    stream_flush(&near);
    assert_int_equal(stream_waiting(&near), 0);
    assert_int_equal(recv(far, got, sizeof got, MSG_DONTWAIT), 13);
    assert_memory_equal(got, "\3\0\0\0\7abc\0\0\0\0\10", 13);
}

/* The other side takes nothing: what waits stays, in order, and leaves when there is room. */
static void back_pressure(void **state)
{
    (void)state;
    static uint8_t chunk[60000], in[1 << 16];
    uint64_t sent = 0, got = 0, wrong = 0;
    for (unsigned k = 0; k < 400; k++) {
        size_t at = stream_begin(&near, 5);
        for (size_t i = 0; i < sizeof chunk; i++)
            chunk[i] = (uint8_t)((k * sizeof chunk + i) * 2654435761u >> 24);
        buf_put(&near.out, chunk, sizeof chunk);
        stream_end(&near, at);
        stream_flush(&near);
        sent += STREAM_HEAD + sizeof chunk;
    }
    assert_true(stream_waiting(&near) > 1 << 20);
    size_t waiting = stream_waiting(&near);
    turn();
    assert_int_equal(stream_waiting(&near), waiting);
    for (unsigned idle = 0; got < sent && idle < 1000; idle++) {
        ssize_t n;
        while ((n = recv(far, in, sizeof in, MSG_DONTWAIT)) > 0) {
            for (size_t i = 0; i < (size_t)n; i++, got++) {
                uint64_t in_frame = got % (STREAM_HEAD + sizeof chunk),
                         k = got / (STREAM_HEAD + sizeof chunk);
                if (in_frame >= STREAM_HEAD)
                    wrong +=
                        in[i] != (uint8_t)((uint32_t)(k * sizeof chunk + in_frame - STREAM_HEAD) *
                                               2654435761u >>
                                           24);
            }
            idle = 0;
        }
        turn();
    }
    assert_int_equal(got, sent);
    assert_int_equal(wrong, 0);
    assert_int_equal(stream_waiting(&near), 0);
    assert_true(near.out.cap <= 1 << 20); /* the memory of the rush is given back */
    assert_int_equal(near.io.events, EPOLLIN);
}

/* Nobody reads any more: no signal, nothing is kept, and the end is told once. */
static void writing_to_nobody(void **state)
{
    (void)state;
    close(far);
    far = -1;
    size_t at = stream_begin(&near, 5);
    stream_end(&near, at);
    stream_flush(&near);
    assert_int_equal(stream_waiting(&near), 0);
    turn();
    turn();
    assert_int_equal(ends, 1);
    stream_flush(&near); /* of a closed one: nothing */
}

static void the_pair(void **state)
{
    (void)state;
    int fd[2];
    stream_pair(fd);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(fcntl(fd[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
        close(fd[i]);
    }
}

#define WITH_STREAM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STREAM(frames_cut_at_every_byte),
        WITH_STREAM(one_byte_at_a_time),
        WITH_STREAM(too_long_is_nonsense),
        WITH_STREAM(the_longest_frame_comes_whole),
        WITH_STREAM(a_refused_frame_ends_it),
        WITH_STREAM(a_callback_may_close_it),
        WITH_STREAM(the_end_comes_last),
        WITH_STREAM(a_paused_stream_reads_nothing),
        WITH_STREAM(resuming_handles_what_was_buffered),
        WITH_STREAM(written_frames_can_be_read),
        WITH_STREAM(back_pressure),
        WITH_STREAM(writing_to_nobody),
        cmocka_unit_test(the_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
