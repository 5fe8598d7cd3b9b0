/* test_doctor.c - what csce513fall24Msg doctor makes of what it sees. */
#include "client_fake.h"

#include "../../client/face/doctor.h"

/* The last finding, and how many of each kind there were. */
static struct {
    enum finding finding;
    char about[16];
    struct why why;
} last;

static void note(struct doctor *d, enum finding finding, const char *about, const struct why *why)
{
    (void)d;
    last.finding = finding;
    last.why = *why;
    snprintf(last.about, sizeof last.about, "%s", about);
}

static struct doctor fresh(void)
{
    return (struct doctor){.put = note};
}

static void assert_found(const struct doctor *d, unsigned ok, unsigned warn, unsigned fail)
{
    assert_int_equal(d->found[FINDING_OK], ok);
    assert_int_equal(d->found[FINDING_WARN], warn);
    assert_int_equal(d->found[FINDING_FAIL], fail);
}

static void test_findings(void **state)
{
    (void)state;
    struct doctor d = fresh();
    doctor_warn(&d, "a", "do that", "%d of them", 3);
    assert_string_equal(last.why.what, "3 of them");
    assert_string_equal(last.why.hint, "do that");
    assert_int_equal(d.exit, EXIT_DONE);
    doctor_fail(&d, "b", EXIT_TRUST, "", "wrong");
    doctor_fail(&d, "c", EXIT_LOCAL, "", "wrong, too");
    assert_int_equal(d.exit, EXIT_TRUST); /* of the first */
    doctor_ok(&d, "d", "well");
    assert_found(&d, 1, 1, 2);
}

static void test_screen(void **state)
{
    (void)state;
    const struct doctor_screen good = {
        .terminal = true, .term = "xterm-256color", .known = true, .utf8 = true, .colours = 256, .cols = 80, .rows = 24};
    struct doctor_screen s = good;
    struct doctor d = fresh();
    doctor_judge_screen(&d, &s);
    assert_found(&d, 3, 0, 0);
    s.terminal = false;
    doctor_judge_screen(&d, &s);
    assert_found(&d, 4, 0, 0);
    assert_string_equal(last.about, "terminal");

    s = good;
    s.known = false;
    d = fresh();
    doctor_judge_screen(&d, &s);
    assert_found(&d, 2, 0, 1);
    assert_int_equal(d.exit, EXIT_LOCAL);
    s.term = "dumb";
    d = fresh();
    doctor_judge_screen(&d, &s);
    assert_found(&d, 3, 0, 0);
    s.term = "";
    d = fresh();
    doctor_judge_screen(&d, &s);
    assert_found(&d, 2, 0, 1);

    s = good;
    s.utf8 = false;
    s.cols = 39;
    d = fresh();
    doctor_judge_screen(&d, &s);
    assert_found(&d, 1, 2, 0);
    assert_string_equal(last.why.what, "39 x 24 is less than 40 x 10");
    s.cols = 0; /* it does not say */
    d = fresh();
    doctor_judge_screen(&d, &s);
    assert_found(&d, 1, 1, 0);
}

static void test_tmux(void **state)
{
    (void)state;
    struct doctor d = fresh();
    doctor_judge_tmux(&d, "on", "20", true);
    doctor_judge_tmux(&d, "off", "20", false); /* nobody wants notifications */
    doctor_judge_tmux(&d, "", "", false);
    assert_found(&d, 3, 0, 0);
    doctor_judge_tmux(&d, "off", "20", true);
    assert_found(&d, 3, 1, 0);
    doctor_judge_tmux(&d, "all", "500", true);
    assert_found(&d, 3, 2, 0);
    assert_non_null(strstr(last.why.what, "500 ms"));
}

static void test_clock(void **state)
{
    (void)state;
    const uint64_t now = 1800000000000;
    struct doctor d = fresh();
    doctor_judge_clock(&d, now, now - 60000);
    doctor_judge_clock(&d, now, now + 60000);
    doctor_judge_clock(&d, now, 0);
    assert_found(&d, 3, 0, 0);
    doctor_judge_clock(&d, now, now - 61000);
    assert_string_equal(last.why.what, "this machine's clock is 61 s ahead of the server's");
    doctor_judge_clock(&d, now, now + 7200000);
    assert_string_equal(last.why.what, "this machine's clock is 7200 s behind the server's");
    assert_found(&d, 3, 2, 0);
    doctor_judge_clock(&d, 86400000, now);
    assert_found(&d, 3, 2, 1);
}

static void test_folder(void **state)
{
    (void)state;
    const uint64_t plenty = (uint64_t)1 << 40, mib = 1 << 20;
    struct stat st = {.st_mode = S_IFDIR | 0700, .st_uid = geteuid()};
    struct doctor d = fresh();
    doctor_judge_folder(&d, "/x", &st, plenty);
    assert_found(&d, 2, 0, 0);
    doctor_judge_folder(&d, "/x", &st, 99 * mib);
    assert_found(&d, 3, 1, 0);
    doctor_judge_folder(&d, "/x", &st, 15 * mib);
    assert_found(&d, 4, 1, 1);

    st.st_mode = S_IFDIR | 0750;
    d = fresh();
    doctor_judge_folder(&d, "/x", &st, plenty);
    assert_found(&d, 1, 1, 0);
    st.st_uid++;
    doctor_judge_folder(&d, "/x", &st, plenty);
    assert_found(&d, 2, 1, 1);
    st.st_mode = S_IFREG | 0600;
    doctor_judge_folder(&d, "/x", &st, plenty);
    assert_found(&d, 3, 1, 2);
    assert_int_equal(d.exit, EXIT_LOCAL);
}

static void test_lock_holder(void **state)
{
    (void)state;
    static const char line[] = "12: FLOCK  ADVISORY  READ 4711 00:2f:123456789 0 EOF\n";
    assert_int_equal(doctor_lock_holder(line, 123456789), 4711);
    assert_int_equal(doctor_lock_holder(line, 12345678), 0);
    assert_int_equal(doctor_lock_holder("3: POSIX  ADVISORY  WRITE 4711 08:01:123456789 0 EOF\n", 123456789), 0);
    assert_int_equal(doctor_lock_holder("12: -> FLOCK  ADVISORY  WRITE 99 00:2f:123456789 0 EOF\n", 123456789), 0); /* it waits */
    assert_int_equal(doctor_lock_holder("", 0), 0);
    assert_int_equal(doctor_lock_holder("12: FLOCK\n", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings), cmocka_unit_test(test_screen), cmocka_unit_test(test_tmux),
        cmocka_unit_test(test_clock),    cmocka_unit_test(test_folder), cmocka_unit_test(test_lock_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
