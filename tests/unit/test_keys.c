/* test_keys.c - the server's keys: made once, kept, changed on request, never used when damaged. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>

#include "broker/broker.h"
#include "log.h"

static const char *const names[] = {"identity", "transport", "ticket"};
static char dir[64];

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/keys/%s", dir, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/csmsg-keys-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char path[96];
    for (unsigned i = 0; i < 3; i++)
        unlink(path_of(names[i]));
    snprintf(path, sizeof path, "%s/keys", dir);
    if (rmdir(path)) assert_int_equal(errno, ENOENT); /* nothing temporary is left there */
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static void expect_certified(const struct keys *k)
{
    uint8_t text[WIRE_CERT_SIGNED], pub[32];
    const uint64_t now = clock_wall_ms(), hour = 3600 * 1000;
    wire_cert_signed(&k->cert, text);
    crypto_scalarmult_base(pub, k->transport_secret);
    assert_int_equal(
        crypto_sign_verify_detached(k->cert.signature, text, sizeof text, k->server_id), 0);
    assert_memory_equal(k->cert.server_id, k->server_id, 32);
    assert_memory_equal(k->cert.transport_key, pub, 32);
    assert_true(k->cert.not_before_ms < now - hour && k->cert.not_after_ms > now + 365 * 24 * hour);
}

static void made_once_and_the_same_again(void **state)
{
    (void)state;
    static struct keys first, second;
    keys_load(&first, dir);
    keys_load(&second, dir);
    assert_memory_equal(first.server_id, second.server_id, 32);
    assert_memory_equal(first.server_secret, second.server_secret, 64);
    assert_memory_equal(first.transport_secret, second.transport_secret, 32);
    assert_memory_equal(first.ticket, second.ticket, 32);
    assert_false(sodium_is_zero(first.ticket, 32) || sodium_is_zero(first.transport_secret, 32));
    assert_true(memcmp(first.ticket, first.transport_secret, 32) != 0);
    expect_certified(&first);
    expect_certified(&second);
}

static void for_the_owner_only(void **state)
{
    (void)state;
    static struct keys k;
    struct stat st;
    mode_t before = umask(0);
    keys_load(&k, dir);
    umask(before);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(stat(path_of(names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_size, 32);
    }
    assert_int_equal(stat(path_of("."), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void two_servers_differ(void **state)
{
    (void)state;
    static struct keys a, b;
    keys_load(&a, dir);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(unlink(path_of(names[i])), 0);
    keys_load(&b, dir);
    assert_true(memcmp(a.server_id, b.server_id, 32) != 0);
    assert_true(memcmp(a.transport_secret, b.transport_secret, 32) != 0);
    assert_true(memcmp(a.ticket, b.ticket, 32) != 0);
}

static void rotating_changes_the_transport_key_alone(void **state)
{
    (void)state;
    static struct keys k, old, loaded;
    keys_load(&k, dir);
    old = k;
    assert_int_equal(keys_rotate(&k, dir), 0);
    assert_memory_equal(k.server_id, old.server_id, 32);
    assert_memory_equal(k.ticket, old.ticket, 32);
    assert_true(memcmp(k.transport_secret, old.transport_secret, 32) != 0);
    expect_certified(&k);
    keys_load(&loaded, dir);
    assert_memory_equal(loaded.transport_secret, k.transport_secret, 32);
    assert_memory_equal(loaded.server_id, k.server_id, 32);
}

/* What cannot be written is not used: the old key stays, in memory and on disk. */
static void rotating_in_vain_changes_nothing(void **state)
{
    (void)state;
    static struct keys k, old;
    char blocked[160];
    keys_load(&k, dir);
    old = k;
    snprintf(blocked, sizeof blocked, "%s.new", path_of("transport"));
    assert_int_equal(mkdir(blocked, 0700), 0); /* where the temporary file would be */
    assert_int_equal(keys_rotate(&k, dir), -1);
    assert_memory_equal(&k, &old, sizeof k);
    assert_int_equal(rmdir(blocked), 0);
}

/* --- damage --- */

/* Loads in a child; its exit status. */
static int status_of_loading(void)
{
    static struct keys k;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        keys_load(&k, dir);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_key(const char *name, size_t n)
{
    static const uint8_t bytes[64] = {1};
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

/* A key of another length is no key; a new one in its place would lock every client out. */
static void a_damaged_file_is_fatal(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 31, 33, 64};
    assert_int_equal(status_of_loading(), 0);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 5; k++) {
            struct stat st;
            write_key(names[i], lengths[k]);
            assert_int_equal(status_of_loading(), 1);
            assert_int_equal(stat(path_of(names[i]), &st), 0);
            assert_int_equal((size_t)st.st_size, lengths[k]); /* left as it was found */
        }
        write_key(names[i], 32);
        assert_int_equal(status_of_loading(), 0);
    }
}

static void a_link_is_not_followed(void **state)
{
    (void)state;
    assert_int_equal(status_of_loading(), 0);
    assert_int_equal(unlink(path_of("identity")), 0);
    assert_int_equal(symlink("ticket", path_of("identity")), 0);
    assert_int_equal(status_of_loading(), 1);
}

static void no_folder_is_fatal(void **state)
{
    (void)state;
    char right[64];
    memcpy(right, dir, sizeof dir);
    snprintf(dir, sizeof dir, "%.40s/none", right);
    assert_int_equal(status_of_loading(), 1);
    memcpy(dir, right, sizeof dir);
}

/* --- fingerprints: Python's hashlib and the alphabet by hand --- */

static void fingerprints(void **state)
{
    (void)state;
    uint8_t id[32] = {0};
    char out[40];
    keys_fingerprint(id, out);
    assert_string_equal(out, "CSM7-NBFR-CAYQ-EV4F-R65R-X7WE-4049-E545");
    memset(id, 0xff, sizeof id);
    keys_fingerprint(id, out);
    assert_string_equal(out, "NYB1-6XGF-E9HN-ZFDM-99D0-MRY3-KW9A-YC7S");
    for (unsigned i = 0; i < 32; i++)
        id[i] = (uint8_t)i;
    keys_fingerprint(id, out);
    assert_string_equal(out, "CC6W-TAB6-RGSP-D48J-AH4B-QCJV-9ZT1-594W");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(made_once_and_the_same_again),
        IN_FOLDER(for_the_owner_only),
        IN_FOLDER(two_servers_differ),
        IN_FOLDER(rotating_changes_the_transport_key_alone),
        IN_FOLDER(rotating_in_vain_changes_nothing),
        IN_FOLDER(a_damaged_file_is_fatal),
        IN_FOLDER(a_link_is_not_followed),
        IN_FOLDER(no_folder_is_fatal),
        cmocka_unit_test(fingerprints),
    };
    log_init("test", LOG_LOGFMT, LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
