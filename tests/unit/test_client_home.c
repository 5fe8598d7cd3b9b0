/* test_client_home.c - where a user's things are, and the mark of what has been shown. */
#include "client_fake.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../client/face/home.h"
#include "../../client/face/shown.h"

struct place {
    char folder[64];
    struct home h;
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/csmsg-home-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", p->folder);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

static void make_file(const struct home *h, const char *file)
{
    char path[PATH_MAX];
    FILE *f = fopen(home_file(h, file, path), "w");
    assert_non_null(f);
    fclose(f);
}

static void test_home(void **state)
{
    struct place *p = *state;
    struct why why;
    struct stat st;
    char root[96];
    snprintf(root, sizeof root, "%s/a/b", p->folder);
    assert_int_equal(home_root(&p->h, root, &why), 0);
    assert_int_equal(stat(root, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(home_users(&p->h), 0);
    assert_int_equal(home_user(&p->h, "Alice", &why), 0);
    assert_non_null(strstr(p->h.folder, "/a/b/alice"));
    assert_string_equal(p->h.user, "Alice");
    assert_int_equal(stat(p->h.folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(home_users(&p->h), 0); /* no key yet */
    make_file(&p->h, "key");
    assert_int_equal(home_users(&p->h), 1);
    assert_string_equal(p->h.user, "alice");
    assert_int_equal(home_user(&p->h, "bob", &why), 0);
    make_file(&p->h, "key");
    assert_int_equal(home_users(&p->h), 2);
    home_forget_user(&p->h);
    assert_int_equal(stat(p->h.folder, &st), -1);
    assert_int_equal(home_users(&p->h), 1);
    static const char *const bad[] = {"", "..", "../x", ".hidden", "a/b", "-x", "a b", "\xc3\xb6"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(home_user(&p->h, bad[i], &why), -1);
        assert_string_equal(p->h.folder, "");
    }
}

static void count_store(void *arg, const char *path)
{
    assert_non_null(strstr(path, "/store.db"));
    ++*(int *)arg;
}

static void test_stores(void **state)
{
    struct place *p = *state;
    struct why why;
    int n = 0;
    assert_int_equal(home_root(&p->h, p->folder, &why), 0);
    assert_int_equal(home_user(&p->h, "alice", &why), 0);
    make_file(&p->h, "store.db");
    assert_int_equal(home_user(&p->h, "bob", &why), 0);
    home_each_store(&p->h, count_store, &n);
    assert_int_equal(n, 1);
}

/* The mark outlives a process that is killed right after it was set. */
static void test_shown(void **state)
{
    struct place *p = *state;
    struct why why;
    struct shown s;
    char path[96];
    int status;
    snprintf(path, sizeof path, "%s/shown", p->folder);
    assert_int_equal(shown_open(&s, path, 10, &why), 0);
    assert_int_equal(*s.row, 0);
    shown_close(&s);
    if (fork() == 0) {
        if (shown_open(&s, path, 10, &why) < 0) _exit(1);
        *s.row = 7;
        raise(SIGKILL);
    }
    assert_true(wait(&status) > 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(shown_open(&s, path, 10, &why), 0);
    assert_int_equal(*s.row, 7);
    shown_close(&s);
    assert_int_equal(shown_open(&s, path, 3, &why), 0); /* another, shorter store */
    assert_int_equal(*s.row, 3);
    shown_close(&s);
    assert_int_equal(shown_open(&s, "/nowhere/shown", 3, &why), -1);
}

int main(void)
{
#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {IN_FOLDER(test_home), IN_FOLDER(test_stores),
                                       IN_FOLDER(test_shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
