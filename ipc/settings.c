/* settings.c - see settings.h. The table is the one place that knows names, ranges and defaults. */
#include "settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf_value.h"
#include "log.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define SEC ((uint64_t)1000)
#define MIN (60 * SEC)
#define DAY (24 * 60 * MIN)

static const char *const registers[] = {"open", "roster", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"auto", "pretty", "logfmt", "json", NULL};

_Static_assert(LOG_ERROR == 0 && LOG_WARN == 1 && LOG_INFO == 2 && LOG_DEBUG == 3,
               "levels[] follows enum log_level");

#define AT(member, T) CONF_AT(settings, member, T)

/* clang-format off */
#define NUMBER(kind, sec, name, def, lo, hi, help)                                                 \
    {#sec, #name, kind, AT(sec.name, uint64_t), def, lo, hi, NULL, help}
#define COUNT(sec, name, def, lo, hi, help)    NUMBER(CONF_INT, sec, name, def, lo, hi, help)
#define BYTES(sec, name, def, lo, hi, help)    NUMBER(CONF_SIZE, sec, name, def, lo, hi, help)
#define DURATION(sec, name, def, lo, hi, help) NUMBER(CONF_TIME, sec, name, def, lo, hi, help)
#define TEXT(kind, sec, name, def, shortest, help)                                                 \
    {#sec, #name, kind, AT(sec.name, char *), def, shortest,                                       \
     sizeof((struct settings *)0)->sec.name - 1, NULL, help}
#define WORD(sec, key, member, def, words, help)                                                   \
    {#sec, key, CONF_WORD, AT(sec.member, unsigned), def, 0, 0, words, help}
#define SWITCH(sec, name, def, help)                                                               \
    {#sec, #name, CONF_BOOL, AT(sec.name, bool), def, 0, 0, NULL, help}

const struct conf_key settings_table[] = {
    TEXT(CONF_STRING, server, name, "csmsg", 1, "what the server calls itself"),
    TEXT(CONF_LIST, server, listen, "127.0.0.1:5130, [::1]:5130", 1,
         "addresses to listen on, with commas between: host:port or [v6]:port"),
    COUNT(server, workers, "0", 0, 64, "processes that hold connections; 0 is one per core"),
    COUNT(server, busy_wait_us, "150", 0, 1000,
          "how long the broker looks for the next message before it sleeps, in microseconds"),
    TEXT(CONF_STRING, server, state_dir, "state", 1,
         "folder of all that is kept, beside this file unless absolute"),

    WORD(access, "register", registration, "open", registers, "who may make an account"),
    TEXT(CONF_STRING, access, roster, "", 0,
         "file with the names that may, beside this file unless absolute"),

    COUNT(lobby, backlog, "50", 0, 1000, "messages of the lobby that a newcomer sees"),
    COUNT(lobby, keep, "10000", 0, 10000000, "messages of the lobby that are kept"),

    COUNT(limits, clients, "20000", 1, 1000000, "connections at once"),
    COUNT(limits, sessions_per_user, "8", 1, 1000, "connections at once of one user"),
    COUNT(limits, connects_per_address, "200", 1, 1000000,
          "new connections a second from one IPv4 address or IPv6 /64; ten times that in a burst"),
    COUNT(limits, connects_per_network, "800", 1, 1000000,
          "new connections a second from one IPv4 /24 or IPv6 /48; ten times that in a burst"),
    COUNT(limits, handshakes, "8192", 1, 1000000, "unfinished handshakes at once of one worker"),
    DURATION(limits, handshake_time, "10s", 100, 10 * MIN, "time for handshake and login"),
    DURATION(limits, first_byte_time, "5s", 100, 10 * MIN, "time until the first byte arrives"),
    COUNT(limits, logins_waiting, "4096", 1, 1000000, "logins that wait to be checked"),
    BYTES(limits, text, "64KiB", 256, 64 * KIB, "largest text of one message"),
    COUNT(limits, messages_per_second, "50000", 1, 10000000, "messages a second of one session"),
    BYTES(limits, bytes_per_second, "64MiB", KIB, 64 * GIB, "bytes a second of one session"),
    COUNT(limits, queue_messages, "10000", 1, 10000000, "messages that wait for one absent user"),
    COUNT(limits, queue_per_sender, "5000", 1, 10000000,
          "messages that wait for one absent user, from one sender"),
    BYTES(limits, queue_bytes, "64MiB", KIB, 1024 * GIB, "bytes that wait for one absent user"),
    DURATION(limits, queue_keep, "30d", SEC, 3650 * DAY,
             "how long a message waits for an absent user"),
    BYTES(limits, disk_free, "16MiB", 0, 1024 * GIB,
          "with less free disk, messages to absent users are refused"),
    COUNT(limits, window_messages, "256", 1, 65536, "unacknowledged messages of one device"),
    BYTES(limits, window_bytes, "256KiB", KIB, GIB, "unacknowledged bytes of one device"),
    COUNT(limits, key_requests, "60", 1, 1000000,
          "questions about keys and the class a minute of one user; tenfold in a burst"),
    COUNT(limits, one_time_prekeys, "200", 25, 1000, "one-time prekeys kept for one device"),
    COUNT(limits, guests_per_account, "4", 1, 1000, "devices that ask at once to be admitted to one account"),
    COUNT(limits, guests_per_address, "8", 1, 1000000,
          "devices that ask at once to be admitted from one address or IPv6 /64"),
    DURATION(limits, guest_time, "10m", SEC, DAY, "how long a device may ask to be admitted"),
    COUNT(limits, roster_claims, "1000", 1, 1000000, "claims of students that wait for the instructor"),
    BYTES(limits, file_size, "8GiB", 64 * KIB, 1024 * GIB, "largest file, sealed"),
    BYTES(limits, files_per_user, "16GiB", 0, 1024 * 1024 * GIB, "files of one user that wait to be fetched"),
    BYTES(limits, files_total, "64GiB", 0, 1024 * 1024 * GIB, "files of all that wait to be fetched"),
    DURATION(limits, file_keep, "14d", SEC, 3650 * DAY, "how long a file waits to be fetched"),
    COUNT(limits, file_requests, "600", 1, 1000000, "questions about files a minute of one user; tenfold in a burst"),

    COUNT(groups, per_user, "32", 0, 100000, "groups that one user has made and that are still open"),
    COUNT(groups, members, "1024", 1, 1024, "people of one group, those invited or barred included"),
    COUNT(groups, log, "65535", 2, 65535, "entries of one group's membership log"),
    COUNT(groups, queue_messages, "10000", 1, 10000000, "messages that wait for somebody in one group"),
    BYTES(groups, queue_bytes, "64MiB", KIB, 1024 * GIB, "bytes that wait for somebody in one group"),

    DURATION(presence, grace, "5s", 0, 10 * MIN,
             "how long somebody who lost the connection is not yet shown as gone"),
    DURATION(presence, tick, "250ms", 10, 10 * SEC,
             "comings and goings are told together this often"),

    DURATION(process, heartbeat, "2s", 50, MIN, "how often a process is asked whether it is well"),
    DURATION(process, heartbeat_limit, "10s", 100, 10 * MIN,
             "silence after which it is replaced"),
    DURATION(process, takeover_grace, "30s", 0, DAY,
             "how long the others wait for a new master when it died"),

    SWITCH(sandbox, enabled, "yes", "lock processes in; no is for debugging alone"),
    TEXT(CONF_STRING, sandbox, worker_user, "nobody", 1,
         "user that workers run as when the server is started by root"),

    WORD(log, "level", level, "info", levels, "how much is logged"),
    WORD(log, "format", format, "auto", formats,
         "how a line looks; auto is pretty on a terminal, else logfmt"),
};
/* clang-format on */

const size_t settings_count = sizeof settings_table / sizeof *settings_table;

/* ---- paths ---- */

/* The folder of the config file as an absolute path ending in '/'. 0 or -1. */
static int base_folder(const char *conf_path, char *out, size_t size, char *err, size_t err_size)
{
    const char *slash = conf_path ? strrchr(conf_path, '/') : NULL;
    int folder = slash ? (int)(slash - conf_path + 1) : 0;
    out[0] = '\0';
    if (folder == 0 || conf_path[0] != '/') {
        if (!getcwd(out, size)) {
            snprintf(err, err_size, "cannot tell the current folder: %s", strerror(errno));
            return -1;
        }
        if (strcmp(out, "/") != 0) conf_append(out, size, "/");
    }
    conf_append(out, size, "%.*s", folder, folder ? conf_path : "");
    return 0;
}

static int resolve_path(char path[SETTINGS_PATH_LEN + 1], const char *base, char *err, size_t size)
{
    char shown[120], full[2 * 4096];
    if (path[0] == '\0' || path[0] == '/') return 0;
    const char *rest = strncmp(path, "./", 2) == 0 ? path + 2 : path;
    int n = snprintf(full, sizeof full, "%s%s", base, rest);
    const char *why = conf_text_fits(full);
    if (n > SETTINGS_PATH_LEN) why = "is too long; move the config file, or name a shorter path";
    if (!why) {
        memcpy(path, full, (size_t)n + 1);
        return 0;
    }
    log_escape(shown, sizeof shown, full, strlen(full));
    snprintf(err, size, "the path \"%s\" %s", shown, why);
    return -1;
}

int settings_resolve(struct settings *s, const char *conf_path, char *err, size_t size)
{
    char base[4096];
    if (base_folder(conf_path, base, sizeof base, err, size) != 0) return -1;
    if (resolve_path(s->server.state_dir, base, err, size) != 0) return -1;
    return resolve_path(s->access.roster, base, err, size);
}

int settings_check(const struct settings *s, char *err, size_t size)
{
    struct sockaddr_storage addr[SETTINGS_LISTEN_MAX];
    socklen_t lens[SETTINGS_LISTEN_MAX];
    if (settings_listen(s, addr, lens, SETTINGS_LISTEN_MAX, err, size) < 0) return -1;
    if (s->access.registration == REGISTER_ROSTER && !s->access.roster[0]) {
        snprintf(err, size,
                 "register = roster, but no roster is named\n"
                 "hint: in [access], set roster to the file with the names");
        return -1;
    }
    if (s->process.heartbeat_limit <= s->process.heartbeat) {
        snprintf(err, size,
                 "heartbeat_limit in [process] must be longer than heartbeat\n"
                 "hint: five times as long leaves room for a busy moment");
        return -1;
    }
    return 0;
}

/* ---- addresses ---- */

struct listen_list {
    struct sockaddr_storage *out;
    socklen_t *lens;
    size_t n, max;
    const char *why; /* words that follow the address; NULL while all is well */
    const char *hint;
};

/* 0 to 65535 in plain digits; -1 for anything else. */
static int parse_port(const char *s)
{
    int port = 0;
    size_t len = strlen(s);
    if (len == 0 || len > 5 || strspn(s, "0123456789") != len) return -1;
    for (; *s; s++)
        port = port * 10 + (*s - '0');
    return port <= 65535 ? port : -1;
}

static void list_fail(struct listen_list *l, const char *why, const char *hint)
{
    l->why = why;
    l->hint = hint;
}

/* Stores one address, unless it stands there already: the second bind would fail. */
static void list_add(struct listen_list *l, int family, const void *ip, int port)
{
    struct sockaddr_storage a = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
    if (family == AF_INET)
        memcpy(&v4.sin_addr, ip, sizeof v4.sin_addr);
    else
        memcpy(&v6.sin6_addr, ip, sizeof v6.sin6_addr);
    memcpy(&a, family == AF_INET ? (void *)&v4 : (void *)&v6, len);
    for (size_t i = 0; port != 0 && i < l->n; i++)
        if (memcmp(&l->out[i], &a, sizeof a) == 0) return list_fail(l, "is listed twice", "");
    if (l->n == l->max) return list_fail(l, "is one address too many", "");
    l->out[l->n] = a;
    l->lens[l->n++] = len;
}

/* host is what stands before the last ':', brackets taken off when v6 says there were some. */
static void list_host(struct listen_list *l, const char *host, bool v6, int port)
{
    uint8_t ip[16];
    if (!v6 && strcmp(host, "localhost") == 0) {
        list_add(l, AF_INET, &(struct in_addr){htonl(INADDR_LOOPBACK)}, port);
        if (!l->why) list_add(l, AF_INET6, &in6addr_loopback, port);
    } else if (inet_pton(v6 ? AF_INET6 : AF_INET, host, ip) == 1)
        list_add(l, v6 ? AF_INET6 : AF_INET, ip, port);
    else if (v6 || !strchr(host, ':'))
        list_fail(l, "is no address", "numbers or localhost, such as 0.0.0.0:5130 or [::]:5130");
    else
        list_fail(l, "is not host:port", "an IPv6 address needs brackets, as in [::1]:5130");
}

static void list_entry(struct listen_list *l, const char *text, size_t len)
{
    char host[80];
    if (len >= sizeof host) return list_fail(l, "is too long for an address", "");
    memcpy(host, text, len);
    host[len] = '\0';
    char *colon = strrchr(host, ':');
    int port = colon ? parse_port(colon + 1) : -1;
    bool v6 = host[0] == '[' && colon && colon > host && colon[-1] == ']';
    if (port < 0)
        return list_fail(l, "has no port from 0 to 65535", "as in 127.0.0.1:5130 or [::1]:5130");
    *colon = '\0';
    if (v6) colon[-1] = '\0';
    list_host(l, v6 ? host + 1 : host, v6, port);
}

int settings_listen(const struct settings *s, struct sockaddr_storage *out, socklen_t *lens,
                    size_t max, char *err, size_t size)
{
    struct listen_list l = {.out = out, .lens = lens, .max = max};
    char shown[100];
    for (const char *at = s->server.listen; *at;) {
        at += strspn(at, " ,");
        size_t len = strcspn(at, ","), bare = len;
        while (bare > 0 && at[bare - 1] == ' ')
            bare--;
        if (bare > 0) list_entry(&l, at, bare);
        if (l.why) {
            log_escape(shown, sizeof shown, at, bare);
            snprintf(err, size, "listen in [server]: \"%s\" %s%s%s", shown, l.why,
                     *l.hint ? "\nhint: " : "", l.hint);
            return -1;
        }
        at += len;
    }
    if (l.n > 0) return (int)l.n;
    snprintf(err, size, "listen in [server] names no address");
    return -1;
}
