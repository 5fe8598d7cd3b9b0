/* test_log.c - what a log line looks like, where it goes, and how a process gives up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catch.h"
#include "log.h"

static int set_up(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    setenv("TZ", "UTC-2", 1);
    return 0;
}

static void logfmt(void **state)
{
    (void)state;
    char want[200];
    log_value(LOG_LOGFMT, "erin");
    assert_memory_equal(caught, "time=20", 7);
    assert_int_equal(caught[15], 'T');
    assert_int_equal(caught[24], '.');
    assert_int_equal(caught[28], 'Z');
    snprintf(want, sizeof want, " level=warn sub=auth ev=refuse pid=%d role=test name=erin w=3\n",
             getpid());
    assert_string_equal(caught + 29, want);
}

static void json(void **state)
{
    (void)state;
    log_value(LOG_JSON, "erin");
    assert_memory_equal(caught, "{\"time\":\"20", 11);
    json_t *j = json_loads(caught, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(j, "sub")), "auth");
    assert_string_equal(json_string_value(json_object_get(j, "ev")), "refuse");
    assert_string_equal(json_string_value(json_object_get(j, "role")), "test");
    assert_int_equal(json_integer_value(json_object_get(j, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(j, "w")), 3);
    assert_int_equal(json_object_size(j), 8);
    json_decref(j);
}

/* Local time, two hours ahead of UTC in this test; both lines are made within one minute. */
static void pretty(void **state)
{
    (void)state;
    log_value(LOG_PRETTY, "erin");
    assert_string_equal(caught + 12, " WARN  auth    refuse  name=erin w=3\n");
    char shown[6];
    time_t now = time(NULL), before = now - 60;
    struct tm tm;
    now += 7200;
    strftime(shown, sizeof shown, "%H:%M", gmtime_r(&now, &tm));
    if (memcmp(caught, shown, 5) != 0) {
        before += 7200;
        strftime(shown, sizeof shown, "%H:%M", gmtime_r(&before, &tm));
        assert_memory_equal(caught, shown, 5);
    }
    catch_begin();
    LOG(LOG_INFO, "audit", "verify");
    catch_end();
    assert_string_equal(caught + 12, " INFO  audit   verify\n");
}

static void colour(void **state)
{
    (void)state;
    catch_begin();
    log_init("test", LOG_PRETTY, LOG_INFO, true);
    LOG(LOG_ERROR, "worker", "died", log_i("w", -1));
    log_init("test", LOG_LOGFMT, LOG_INFO, true);
    LOG(LOG_ERROR, "worker", "died");
    catch_end();
    assert_non_null(strstr(caught, " \x1b[31mERROR\x1b[0m worker  died    w=-1\n"));
    assert_null(strchr(strchr(caught, '\n'), '\x1b'));
}

static void levels(void **state)
{
    (void)state;
    int made = 0;
    catch_begin();
    log_init("test", LOG_LOGFMT, LOG_WARN, false);
    LOG(LOG_INFO, "a", "quiet", log_i("n", ++made));
    log_set_level(LOG_DEBUG);
    LOG(LOG_DEBUG, "a", "loud", log_i("n", ++made));
    assert_true(log_wants(LOG_DEBUG));
    log_set_level(LOG_ERROR);
    assert_false(log_wants(LOG_WARN));
    assert_true(log_wants(LOG_ERROR));
    catch_end();
    assert_int_equal(made, 1); /* fields of an unwanted event are not even computed */
    assert_null(strstr(caught, "quiet"));
    assert_non_null(strstr(caught, "ev=loud"));
}

static void journal(void **state)
{
    (void)state;
    char want[200];
    setenv("JOURNAL_STREAM", "8:12345", 1);
    log_value(LOG_LOGFMT, "erin");
    snprintf(want, sizeof want, "<4>level=warn sub=auth ev=refuse pid=%d role=test name=erin w=3\n",
             getpid());
    assert_string_equal(caught, want);
    log_value(LOG_PRETTY, "erin");
    assert_string_equal(caught, "<4>WARN  auth    refuse  name=erin w=3\n");
    log_value(LOG_JSON, "erin");
    assert_memory_equal(caught, "<4>{\"level\":\"warn\",", 19);
    catch_begin();
    log_init("test", LOG_LOGFMT, LOG_DEBUG, false);
    for (enum log_level l = LOG_ERROR; l <= LOG_DEBUG; l++)
        LOG(l, "a", "b");
    catch_end();
    const char *at = caught;
    for (const char *want_prefix = "3467"; *want_prefix; want_prefix++) {
        assert_int_equal(at[0], '<');
        assert_int_equal(at[1], *want_prefix);
        at = strchr(at, '\n') + 1;
    }
    unsetenv("JOURNAL_STREAM");
}

static void numbers(void **state)
{
    (void)state;
    catch_begin();
    log_init("test", LOG_LOGFMT, LOG_INFO, false);
    LOG(LOG_INFO, "a", "b", log_u("u", UINT64_MAX), log_i("i", INT64_MIN), log_u("z", 0));
    catch_end();
    assert_non_null(strstr(caught, " u=18446744073709551615 i=-9223372036854775808 z=0\n"));
}

static void errno_survives(void **state)
{
    (void)state;
    int keep = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_init("test", LOG_LOGFMT, LOG_INFO, false);
    errno = EXDEV;
    LOG(LOG_INFO, "a", "b"); /* write(2) fails with EBADF */
    assert_int_equal(errno, EXDEV);
    dup2(keep, STDERR_FILENO);
    close(keep);
}

enum { THREADS = 4, LINES = 80 };

static void *chatter(void *arg)
{
    char text[60];
    memset(text, 'a' + *(int *)arg, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < LINES; i++)
        LOG(LOG_INFO, "thread", "line", log_s("text", text));
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    int id[THREADS], lines = 0;
    catch_begin();
    log_init("test", LOG_LOGFMT, LOG_INFO, false);
    for (int i = 0; i < THREADS; i++) {
        id[i] = i;
        pthread_create(&thread[i], NULL, chatter, &id[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    catch_end();
    for (char *at = caught, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        const char *text = strstr(at, " text=") + 6;
        assert_memory_equal(at, "time=", 5);
        assert_int_equal(end - text, 59);
        assert_int_equal(strspn(text, (char[]){*text, 0}), 59);
    }
    assert_int_equal(lines, THREADS * LINES);
}

static void automatic(void **state)
{
    (void)state;
    catch_begin(); /* stderr is a pipe now */
    enum log_format format = log_auto_format();
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    unsetenv("CLICOLOR_FORCE");
    bool plain = log_auto_colour();
    setenv("CLICOLOR_FORCE", "1", 1);
    setenv("NO_COLOR", "", 1);
    bool forced = log_auto_colour();
    setenv("NO_COLOR", "1", 1);
    bool refused = log_auto_colour();
    catch_end();
    assert_int_equal(format, LOG_LOGFMT);
    assert_false(plain);
    assert_true(forced);
    assert_false(refused);
}

/* A terminal shows colours, and JOURNAL_STREAM inherited from a desktop changes nothing there. */
static void terminal(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int tty = open(ptsname(master), O_RDWR | O_NOCTTY);
    int keep = dup(STDERR_FILENO);
    dup2(tty, STDERR_FILENO);
    unsetenv("NO_COLOR");
    unsetenv("CLICOLOR_FORCE");
    setenv("TERM", "xterm", 1);
    enum log_format format = log_auto_format();
    bool coloured = log_auto_colour();
    setenv("TERM", "dumb", 1);
    bool dumb = log_auto_colour();
    setenv("JOURNAL_STREAM", "8:12345", 1);
    log_init("test", LOG_LOGFMT, LOG_INFO, false);
    LOG(LOG_INFO, "a", "b");
    dup2(keep, STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    ssize_t n = read(master, caught, sizeof caught - 1);
    close(keep);
    close(tty);
    close(master);
    assert_int_equal(format, LOG_PRETTY);
    assert_true(coloured);
    assert_false(dumb);
    assert_true(n > 5);
    assert_memory_equal(caught, "time=", 5);
}

/* Runs act in a child; returns its exit status, its stderr is in caught. */
static int in_child(void (*act)(void))
{
    int status;
    catch_begin();
    pid_t pid = fork();
    if (pid == 0) {
        log_init("child", LOG_LOGFMT, LOG_ERROR, false);
        act();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    catch_end();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Read by AddressSanitizer, so that it answers like malloc instead of ending the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void give_up(void)
{
    fatal("disk %s is gone after %d tries", "\x1b[1msda", 3);
}

static void ask_too_much(void)
{
    volatile unsigned long huge = (unsigned long)1 << 46;
    free(xcalloc(huge, huge));
}

static void fatal_ends_it(void **state)
{
    (void)state;
    assert_int_equal(in_child(give_up), 1);
    assert_non_null(strstr(caught, " level=error sub=process ev=fatal "));
    assert_non_null(strstr(caught, " role=child why=\"disk \\x1b[1msda is gone after 3 tries\"\n"));
    assert_int_equal(in_child(ask_too_much), 1);
    assert_non_null(strstr(caught, "out of memory"));
}

static void memory(void **state)
{
    (void)state;
    unsigned char *p = xmalloc(0);
    p = xrealloc(p, 10);
    p = xrealloc(p, 0);
    free(p);
    p = xcalloc(4, 4);
    for (int i = 0; i < 16; i++)
        assert_int_equal(p[i], 0);
    free(p);
    free(xcalloc(0, 8));
    char *s = xstrdup("bob");
    assert_string_equal(s, "bob");
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt),   cmocka_unit_test(json),
        cmocka_unit_test(pretty),   cmocka_unit_test(colour),
        cmocka_unit_test(levels),   cmocka_unit_test(journal),
        cmocka_unit_test(numbers),  cmocka_unit_test(errno_survives),
        cmocka_unit_test(threads),  cmocka_unit_test(automatic),
        cmocka_unit_test(terminal), cmocka_unit_test(fatal_ends_it),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
