/* Unit tests for client/file_finish.h: a whole file gets its name beside the loop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../client/file_finish.h"

struct scene {
    char path[64];
    int folder, wake;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    strcpy(s->path, "/tmp/csmsg-finish-XXXXXX");
    assert_non_null(mkdtemp(s->path));
    s->folder = open(s->path, O_RDONLY | O_DIRECTORY);
    s->wake = eventfd(0, EFD_NONBLOCK);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = {"a.part", "a.txt", "a (2).txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(s->folder, names[i], 0);
    close(s->folder);
    close(s->wake);
    assert_int_equal(rmdir(s->path), 0);
    free(s);
    return 0;
}

static int make(struct scene *s, const char *name, const char *text)
{
    int fd = openat(s->folder, name, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return fd;
}

static bool is_there(struct scene *s, const char *name)
{
    return faccessat(s->folder, name, F_OK, 0) == 0;
}

static int finish(struct scene *s, int file, const char *from, const char *name, char made[FILE_NAME_CAP])
{
    struct file_finish *f = file_finish_start(s->folder, file, from, name, s->wake);
    struct pollfd p = {s->wake, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_true(file_finish_done(f));
    int r = file_finish_end(f, made), error = errno;
    close(file);
    errno = error;
    return r;
}

/* What is there already stays, whoever made it. */
static void it_gets_a_free_name(void **state)
{
    struct scene *s = *state;
    char made[FILE_NAME_CAP];
    close(make(s, "a.txt", "theirs"));
    assert_int_equal(finish(s, make(s, "a.part", "ours"), "a.part", "a.txt", made), 0);
    assert_string_equal(made, "a (2).txt");
    assert_true(is_there(s, "a.txt") && is_there(s, "a (2).txt") && !is_there(s, "a.part"));
}

static void one_that_has_its_name_keeps_it(void **state)
{
    struct scene *s = *state;
    char made[FILE_NAME_CAP] = "as before";
    assert_int_equal(finish(s, make(s, "a.txt", "ours"), "a.txt", NULL, made), 0);
    assert_string_equal(made, "as before");
    assert_true(is_there(s, "a.txt"));
}

static void what_fails_is_told(void **state)
{
    struct scene *s = *state;
    char made[FILE_NAME_CAP];
    int file = make(s, "a.part", "ours");
    assert_int_equal(unlinkat(s->folder, "a.part", 0), 0);
    assert_int_equal(finish(s, file, "a.part", "a.txt", made), -1);
    assert_int_equal(errno, ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_gets_a_free_name),
        TEST(one_that_has_its_name_keeps_it),
        TEST(what_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
