/* test_settings.c - the server's table, the shipped file, paths and addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "settings.h"

#define SHIPPED "conf/" NAME ".conf"

static struct settings s;
static char err[CONF_ERR_SIZE];

static void fresh(struct settings *to)
{
    memset(to, 0, sizeof *to);
    conf_defaults(settings_table, settings_count, to);
}

static int set_up(void **state)
{
    (void)state;
    fresh(&s);
    err[0] = '\0';
    return 0;
}

static void defaults(void **state)
{
    (void)state;
    assert_string_equal(s.server.name, "csmsg");
    assert_string_equal(s.server.state_dir, "state");
    assert_int_equal(s.server.workers, 0);
    assert_int_equal(s.access.registration, REGISTER_OPEN);
    assert_string_equal(s.access.roster, "");
    assert_int_equal(s.lobby.backlog, 50);
    assert_int_equal(s.lobby.keep, 10000);
    assert_int_equal(s.limits.clients, 20000);
    assert_int_equal(s.limits.handshake_time, 10000);
    assert_int_equal(s.limits.text, 65536);
    assert_int_equal(s.limits.bytes_per_second, 64 << 20);
    assert_int_equal(s.limits.queue_keep, 30ull * 24 * 3600 * 1000);
    assert_int_equal(s.limits.window_bytes, 256 << 10);
    assert_int_equal(s.presence.tick, 250);
    assert_int_equal(s.process.takeover_grace, 30000);
    assert_true(s.sandbox.enabled);
    assert_string_equal(s.sandbox.worker_user, "nobody");
    assert_int_equal(s.log.level, LOG_INFO);
    assert_int_equal(s.log.format, FORMAT_AUTO);
    assert_int_equal(settings_check(&s, err, sizeof err), 0);
}

/* Every row: its own place in the struct, a help line, ends that can be set and are the ends. */
static void table_is_sound(void **state)
{
    (void)state;
    assert_in_range(settings_count, 1, CONF_MAX_KEYS);
    for (size_t i = 0; i < settings_count; i++) {
        const struct conf_key *k = &settings_table[i];
        assert_true(strlen(k->help) > 10 && strlen(k->help) < 90);
        assert_true(k->type == CONF_BOOL || k->type == CONF_WORD || k->min <= k->max);
        for (size_t j = 0; j < i; j++) {
            const struct conf_key *o = &settings_table[j];
            assert_true(o->offset != k->offset);
            assert_false(strcmp(o->section, k->section) == 0 && strcmp(o->key, k->key) == 0);
        }
        if (k->type != CONF_INT) continue;
        char text[100];
        snprintf(text, sizeof text, "%s.%s=%ju", k->section, k->key, (uintmax_t)k->max);
        assert_int_equal(conf_set(settings_table, settings_count, &s, text, err, sizeof err), 0);
        snprintf(text, sizeof text, "%s.%s=%ju", k->section, k->key, (uintmax_t)k->max + 1);
        assert_int_equal(conf_set(settings_table, settings_count, &s, text, err, sizeof err), -1);
    }
}

/* Tests run from the top of the tree, as the Makefile does. */
static char *read_shipped(size_t *len)
{
    FILE *in = fopen(SHIPPED, "r");
    if (!in) fail_msg("no %s here", SHIPPED);
    char *text = xcalloc(1, 65536);
    *len = fread(text, 1, 65535, in);
    fclose(in);
    return text;
}

static void shipped_file(void **state)
{
    (void)state;
    struct settings before = s;
    if (conf_parse_file(settings_table, settings_count, &s, SHIPPED, err, sizeof err) != 0)
        fail_msg("%s", err);
    assert_memory_equal(&s, &before, sizeof s);
    assert_int_equal(settings_check(&s, err, sizeof err), 0);
}

/* Equal to the defaults could also mean empty: every key must stand there, in its section. */
static void shipped_file_names_every_key(void **state)
{
    (void)state;
    size_t len;
    char *text = read_shipped(&len), want[100];
    for (size_t i = 0; i < settings_count; i++) {
        const struct conf_key *k = &settings_table[i];
        snprintf(want, sizeof want, "\n[%s]\n", k->section);
        char *section = strstr(text, want);
        if (!section) fail_msg("no [%s]", k->section);
        char *end = strstr(section + 2, "\n[");
        snprintf(want, sizeof want, "\n%s = ", k->key);
        if (!*k->def) snprintf(want, sizeof want, "\n%s =", k->key);
        char *at = strstr(section, want);
        if (!at || (end && at > end)) fail_msg("%s is not in [%s]", k->key, k->section);
        assert_memory_equal(at + strlen(want), k->def, strlen(k->def));
        assert_int_equal(at[strlen(want) + strlen(k->def)], '\n');
    }
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        assert_in_range(end - line, 0, 90);
    free(text);
}

/* What a master hands to its children. */
static void travels_as_text(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "server.listen=0.0.0.0:0, [::]:65535",
        "server.workers=3",
        "access.register=roster",
        "access.roster=/a b/c#d",
        "limits.text=1000B",
        "limits.queue_keep=90s",
        "sandbox.enabled=no",
        "log.level=debug",
        "log.format=json",
        "presence.grace=0",
        "limits.disk_free=0",
        "limits.queue_bytes=1024GiB",
    };
    struct buf out = {0};
    struct settings back;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (conf_set(settings_table, settings_count, &s, changes[i], err, sizeof err) != 0)
            fail_msg("%s", err);
    assert_int_equal(settings_resolve(&s, "/etc/x/server.conf", err, sizeof err), 0);
    conf_dump(settings_table, settings_count, &s, &out);
    memset(&back, 0, sizeof back);
    if (conf_parse_text(settings_table, settings_count, &back, "master", (char *)buf_head(&out),
                        buf_len(&out), err, sizeof err) != 0)
        fail_msg("%s", err);
    assert_memory_equal(&back, &s, sizeof s);
    buf_free(&out);
}

static void resolves(const char *conf, const char *path, const char *want)
{
    snprintf(s.server.state_dir, sizeof s.server.state_dir, "%s", path);
    for (int twice = 0; twice < 2; twice++) {
        if (settings_resolve(&s, conf, err, sizeof err) != 0) fail_msg("%s", err);
        assert_string_equal(s.server.state_dir, want);
    }
    assert_string_equal(s.access.roster, "");
}

static void paths(void **state)
{
    (void)state;
    char here[PATH_MAX], want[PATH_MAX + 100];
    assert_non_null(getcwd(here, sizeof here));
    resolves("/etc/x/server.conf", "state", "/etc/x/state");
    resolves("/etc/x/server.conf", "./state", "/etc/x/state");
    resolves("/etc/x/server.conf", "../state", "/etc/x/../state");
    resolves("/etc/x/server.conf", "/var/lib/x", "/var/lib/x");
    resolves("/server.conf", "state", "/state");
    snprintf(want, sizeof want, "%s/state", here);
    resolves("server.conf", "state", want);
    resolves(NULL, "state", want);
    resolves("", "state", want);
    snprintf(want, sizeof want, "%s/conf/state", here);
    resolves("conf/server.conf", "state", want);
}

static void refuses_path(const char *conf, const char *what)
{
    fresh(&s);
    assert_int_equal(settings_resolve(&s, conf, err, sizeof err), -1);
    if (!strstr(err, what)) fail_msg("wanted %s in %s", what, err);
    assert_string_equal(s.server.state_dir, "state");
}

static void hostile_paths(void **state)
{
    (void)state;
    char deep[600];
    memset(deep, 'd', sizeof deep);
    deep[0] = '/';
    memcpy(deep + sizeof deep - 3, "/c", 3);
    refuses_path("/a #b/server.conf", "\"/a #b/state\" holds # after a space");
    refuses_path("/a\nb/server.conf", "\"/a\\x0ab/state\" holds a control byte");
    refuses_path(deep, "is too long");
}

static void listens_on(const char *list, const char *want)
{
    struct sockaddr_storage addr[SETTINGS_LISTEN_MAX];
    socklen_t lens[SETTINGS_LISTEN_MAX];
    char text[400] = "", host[64];
    snprintf(s.server.listen, sizeof s.server.listen, "%s", list);
    int n = settings_listen(&s, addr, lens, SETTINGS_LISTEN_MAX, err, sizeof err);
    if (n < 0) fail_msg("%s", err);
    for (int i = 0; i < n; i++) {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        size_t len = strlen(text);
        memcpy(&v4, &addr[i], sizeof v4);
        memcpy(&v6, &addr[i], sizeof v6);
        if (addr[i].ss_family == AF_INET)
            inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        else
            inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        assert_int_equal(lens[i], addr[i].ss_family == AF_INET ? sizeof v4 : sizeof v6);
        snprintf(text + len, sizeof text - len, "%s %d;", host, ntohs(v4.sin_port));
    }
    assert_string_equal(text, want);
}

static void addresses(void **state)
{
    (void)state;
    listens_on("127.0.0.1:5130, [::1]:5130", "127.0.0.1 5130;::1 5130;");
    listens_on("0.0.0.0:1,[::]:65535 ,  10.1.2.3:0", "0.0.0.0 1;:: 65535;10.1.2.3 0;");
    listens_on("localhost:7", "127.0.0.1 7;::1 7;");
    listens_on("127.0.0.1:0, 127.0.0.1:0", "127.0.0.1 0;127.0.0.1 0;");
    listens_on("[2001:db8::17]:5130", "2001:db8::17 5130;");
}

static void refuses_list(const char *list, const char *what)
{
    struct sockaddr_storage addr[4];
    socklen_t lens[4];
    snprintf(s.server.listen, sizeof s.server.listen, "%s", list);
    assert_int_equal(settings_listen(&s, addr, lens, 4, err, sizeof err), -1);
    if (!strstr(err, what)) fail_msg("wanted %s in %s", what, err);
}

static void wrong_addresses(void **state)
{
    (void)state;
    refuses_list("127.0.0.1", "\"127.0.0.1\" has no port from 0 to 65535\nhint: as in");
    refuses_list("127.0.0.1:", "has no port");
    refuses_list("127.0.0.1:65536", "has no port");
    refuses_list("127.0.0.1:-1", "has no port");
    refuses_list("127.0.0.1:+5", "has no port");
    refuses_list("127.0.0.1:5130x", "has no port");
    refuses_list("127.0.0.1:99999999999999999999", "has no port");
    refuses_list(":5130", "\":5130\" is no address");
    refuses_list("*:5130", "is no address\nhint: numbers or localhost, such as 0.0.0.0:5130");
    refuses_list("lab.example:5130", "\"lab.example:5130\" is no address");
    refuses_list("127.1:5130", "is no address");
    refuses_list("0x7f.0.0.1:5130", "is no address");
    refuses_list("256.0.0.1:5130", "is no address");
    refuses_list("::1:5130", "\"::1:5130\" is not host:port\nhint: an IPv6 address needs brackets");
    refuses_list("[::1]", "has no port");
    refuses_list("[::1:5130", "is not host:port");
    refuses_list("[]:5130", "is no address");
    refuses_list("[127.0.0.1]:5130", "is no address");
    refuses_list("[localhost]:5130", "is no address");
    refuses_list("]:5130", "is no address");
    refuses_list("127.0.0.1:1, 127.0.0.1:1", "\"127.0.0.1:1\" is listed twice");
    refuses_list("localhost:1, [::1]:1", "\"[::1]:1\" is listed twice");
    refuses_list("1.1.1.1:1,1.1.1.1:2,1.1.1.1:3,1.1.1.1:4,1.1.1.1:5",
                 "\"1.1.1.1:5\" is one address");
    refuses_list("1.1.1.1:1,1.1.1.1:2,1.1.1.1:3,localhost:4", "\"localhost:4\" is one address");
    refuses_list("", "names no address");
    refuses_list(" , ", "names no address");
    refuses_list("\x1b[2J:5", "\"\\x1b[2J:5\" is no address");
    refuses_list(
        "0000000000000000000000000000000000000000000000000000000000000000000000000000000:1",
        "is too long for an address");
}

static void checks(void **state)
{
    (void)state;
    fresh(&s);
    s.access.registration = REGISTER_ROSTER;
    assert_int_equal(settings_check(&s, err, sizeof err), -1);
    assert_non_null(strstr(err, "no roster is named\nhint: "));
    memcpy(s.access.roster, "r", 2);
    assert_int_equal(settings_check(&s, err, sizeof err), 0);
    s.process.heartbeat_limit = s.process.heartbeat;
    assert_int_equal(settings_check(&s, err, sizeof err), -1);
    assert_non_null(strstr(err, "heartbeat_limit in [process] must be longer"));
    fresh(&s);
    memcpy(s.server.listen, "lab:1", 6);
    assert_int_equal(settings_check(&s, err, sizeof err), -1);
    assert_non_null(strstr(err, "\"lab:1\" is no address"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults, set_up),
        cmocka_unit_test_setup(table_is_sound, set_up),
        cmocka_unit_test_setup(shipped_file, set_up),
        cmocka_unit_test_setup(shipped_file_names_every_key, set_up),
        cmocka_unit_test_setup(travels_as_text, set_up),
        cmocka_unit_test_setup(paths, set_up),
        cmocka_unit_test_setup(hostile_paths, set_up),
        cmocka_unit_test_setup(addresses, set_up),
        cmocka_unit_test_setup(wrong_addresses, set_up),
        cmocka_unit_test_setup(checks, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
