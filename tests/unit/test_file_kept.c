/*
 * test_file_kept.c - what transfers keep in mapped files, with the process killed at each instruction of what
 * changes them: it is run under ptrace, step by step.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../client/sidecar.h"
#include "../../client/spool.h"

enum { TRIALS = 40, STEPS_MAX = 3000000 };

static const uint8_t blob[BLOB_ID] = {1}, key[SEALED_KEY] = {2};
static char path[64];

static int setup(void **state)
{
    char folder[] = "/tmp/csmsg-kept-XXXXXX";
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

/* Runs f in a process that dies after so many instructions of it: how many it did. */
static long killed_after(void (*f)(void), long steps)
{
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        f();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    long done = 0;
    for (; done < steps && WIFSTOPPED(status); done++) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0) break;
        waitpid(pid, &status, 0);
    }
    if (WIFSTOPPED(status)) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    return done;
}

/* Kills what `change` does at many places between its first instruction and its last; after each, `check`
 * says whether it was done. It must turn from no to yes once, and the work goes on either way. */
static void killed_everywhere(void (*start)(void), void (*change)(void), bool (*check)(void))
{
    unlink(path);
    start();
    long all = killed_after(change, STEPS_MAX);
    assert_true(all > 100 && all < STEPS_MAX && check());
    bool done = false;
    for (long i = 0; i <= TRIALS; i++) {
        unlink(path);
        start();
        killed_after(change, all * i / TRIALS);
        bool now = check();
        assert_true(now || !done);
        done = now;
    }
    assert_true(done);
}

/* --- the spool --- */

static struct spool open_spool(enum mapped_state expected)
{
    struct spool s;
    struct why why;
    assert_int_equal(spool_open(&s, path, blob, key, &why), expected);
    return s;
}

static void seal_byte(struct spool *s, uint64_t chunk)
{
    uint8_t text[40];
    memset(text, (int)chunk, sizeof text);
    spool_seal(s, sealed_slice(text, sizeof text), false);
}

/* Do the chunks that are kept, opened one after the other, say what was sealed? */
static void readable(const struct spool *s, uint64_t n)
{
    struct blob_state state;
    uint8_t text[BLOB_CHUNK];
    assert_true(blob_open_start(&state, key, spool_header(s)));
    for (uint64_t c = 0; c < n; c++) {
        assert_true(blob_open(&state, spool_chunk(s, c), false, text));
        assert_int_equal(text[0], c);
    }
}

static void two_chunks(void)
{
    struct spool s = open_spool(MAPPED_FRESH);
    seal_byte(&s, 0);
    seal_byte(&s, 1);
    spool_close(&s);
}

static void third_chunk(void)
{
    struct spool s;
    struct why why;
    spool_open(&s, path, blob, key, &why);
    seal_byte(&s, 2);
}

static bool has_third(void)
{
    struct spool s = open_spool(MAPPED_KEPT);
    uint64_t n = spool_sealed(&s);
    assert_true(n == 2 || n == 3);
    readable(&s, n);
    for (uint64_t c = n; c < 5; c++)
        seal_byte(&s, c);
    readable(&s, 5);
    spool_close(&s);
    return n == 3;
}

static void a_chunk_is_sealed_or_not(void **state)
{
    (void)state;
    killed_everywhere(two_chunks, third_chunk, has_third);
}

static void nothing(void)
{
}

static void made(void)
{
    struct spool s;
    struct why why;
    spool_open(&s, path, blob, key, &why);
}

static bool usable(void)
{
    struct spool s;
    struct why why;
    enum mapped_state state = spool_open(&s, path, blob, key, &why);
    assert_true(state == MAPPED_FRESH || state == MAPPED_KEPT);
    assert_int_equal(spool_sealed(&s), 0);
    seal_byte(&s, 0);
    readable(&s, 1);
    spool_close(&s);
    return state == MAPPED_KEPT;
}

static void it_is_made_or_not(void **state)
{
    (void)state;
    killed_everywhere(nothing, made, usable);
}

static void the_ring_keeps_a_window(void **state)
{
    (void)state;
    unlink(path);
    struct spool s = open_spool(MAPPED_FRESH);
    uint8_t copy[SPOOL_CHUNKS][64];
    struct slice last;
    assert_false(spool_ended(&s));
    for (uint64_t c = 0; c < 40; c++) {
        seal_byte(&s, c);
        last = spool_chunk(&s, c);
        memcpy(copy[c % SPOOL_CHUNKS], last.data, last.len);
    }
    assert_int_equal(spool_oldest(&s), 40 - SPOOL_CHUNKS);
    spool_seal(&s, sealed_slice("", 0), true);
    assert_true(spool_ended(&s));
    spool_close(&s);
    s = open_spool(MAPPED_KEPT);
    assert_true(spool_ended(&s));
    assert_int_equal(spool_sealed(&s), 41);
    for (uint64_t c = spool_oldest(&s); c < 40; c++)
        assert_memory_equal(spool_chunk(&s, c).data, copy[c % SPOOL_CHUNKS], 40 + BLOB_TAG);
    spool_close(&s);
}

static void one_process_at_a_time(void **state)
{
    struct spool mine, other;
    struct why why;
    struct stat st;
    (void)state;
    unlink(path);
    mine = open_spool(MAPPED_FRESH);
    assert_int_equal(spool_open(&other, path, blob, key, &why), MAPPED_BUSY);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    spool_close(&mine);
    spool_close(&other);
    other = open_spool(MAPPED_KEPT);
    spool_close(&other);
}

/* Another file, another boot, half a file: not believed. */
static void strangers_are_not_believed(void **state)
{
    struct spool s;
    struct why why;
    static const uint8_t another[BLOB_ID] = {9};
    (void)state;
    unlink(path);
    two_chunks();
    assert_int_equal(spool_open(&s, path, another, key, &why), MAPPED_FRESH);
    spool_close(&s);
    unlink(path);
    two_chunks();
    FILE *f = fopen(path, "r+");
    assert_int_equal(fseek(f, 20, SEEK_SET), 0); /* in the boot's id */
    assert_int_equal(fputc('?', f), '?');
    fclose(f);
    s = open_spool(MAPPED_FRESH);
    spool_close(&s);
    unlink(path);
    two_chunks();
    assert_int_equal(truncate(path, 5000), 0);
    s = open_spool(MAPPED_FRESH);
    assert_int_equal(spool_sealed(&s), 0);
    spool_close(&s);
    unlink(path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(spool_open(&s, path, blob, key, &why), MAPPED_FAILED);
}

static void without_a_file(void **state)
{
    struct spool s;
    struct why why;
    (void)state;
    assert_int_equal(spool_open(&s, NULL, blob, key, &why), MAPPED_FRESH);
    seal_byte(&s, 0);
    readable(&s, 1);
    spool_close(&s);
    spool_close(&s);
}

/* --- the sidecar --- */

static void store(uint8_t mark)
{
    struct sidecar s;
    struct why why;
    struct sidecar_state state = {.started = true};
    if (sidecar_open(&s, path, blob, &why) < 0) abort();
    state.stream.chunk = mark;
    memset(&state.stream.stream, mark, sizeof state.stream.stream);
    memset(&state.hash, mark, sizeof state.hash);
    sidecar_store(&s, &state);
    sidecar_close(&s);
}

static void store_one(void)
{
    store(1);
}
static void store_two(void)
{
    store(2);
}

static bool is_two(void)
{
    struct sidecar s;
    struct why why;
    assert_int_equal(sidecar_open(&s, path, blob, &why), MAPPED_KEPT);
    const struct sidecar_state *state = sidecar_state(&s);
    uint8_t mark = (uint8_t)state->stream.chunk, same[sizeof state->hash];
    assert_true(state->started && (mark == 1 || mark == 2));
    memset(same, mark, sizeof same);
    assert_memory_equal(&state->hash, same, sizeof state->hash);
    assert_memory_equal(&state->stream.stream, same, sizeof state->stream.stream);
    sidecar_close(&s);
    return mark == 2;
}

static void a_state_is_the_old_or_the_new(void **state)
{
    (void)state;
    killed_everywhere(store_one, store_two, is_two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_is_sealed_or_not),
        cmocka_unit_test(it_is_made_or_not),
        cmocka_unit_test(the_ring_keeps_a_window),
        cmocka_unit_test(one_process_at_a_time),
        cmocka_unit_test(strangers_are_not_believed),
        cmocka_unit_test(without_a_file),
        cmocka_unit_test(a_state_is_the_old_or_the_new),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, setup, teardown);
}
