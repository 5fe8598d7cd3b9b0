/*
 * load.c - see load.h: options, tables, the result.
 *
 *   load -d DRIVER -s SCENARIO -p PORT -P PID [options]     prints one JSON line
 */
#include "load.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>

enum { COMPLAINTS_MAX = 8 };

struct load load = {.o = {.server = "?",
                          .host = "127.0.0.1",
                          .window = 64,
                          .bytes = 64,
                          .at_once = 200,
                          .messages = 10000,
                          .users = 100,
                          .sources = 4,
                          .qos = 1,
                          .seconds = 4,
                          .warm = 1}};

static const struct driver *const drivers[] = {&driver_csmsg, &driver_irc,       &driver_mqtt,
                                               &driver_nats,  &driver_jetstream, &driver_xmpp,
                                               &driver_relay};

static const struct scenario {
    const char *name;
    void (*run)(void);
    const char *what;
} scenarios[] = {
    {"S1", scenario_ping, "ping-pong of two, -n rounds"},
    {"S2", scenario_pairs, "-n pairs, each -w messages under way"},
    {"S3", scenario_room, "a room of -n members, one speaks"},
    {"S4", scenario_login, "-n logins, then idle; and once more"},
    {"S5register", scenario_register, "-r users and the sender log in once"},
    {"S5store", scenario_store,
     "-m messages to them while absent; at the last acknowledgement all is killed"},
    {"S5drain", scenario_drain, "they come back"},
    {"S6", scenario_mixed, "-n clients, one in ten speaks; all reconnect in the middle"},
    {"S7queues", scenario_queues, "logins of one while -m messages wait for others"},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void complain(const char *format, ...)
{
    static unsigned said;
    va_list args;
    if (said++ >= COMPLAINTS_MAX) return;
    va_start(args, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double now_s(void)
{
    return (double)now_ns() / 1e9;
}

/* --- what drivers report --- */

void driver_ready(struct conn *c)
{
    if (c->ready) return;
    c->ready = true;
    load.n_ready++;
    load.dialling--;
    if (load.on_ready) load.on_ready(c);
}

void driver_joined(struct conn *c)
{
    if (c->joined) return;
    c->joined = true;
    load.n_joined++;
}

void driver_acked(struct conn *c, unsigned n)
{
    if (load.on_acked) load.on_acked(c, n);
}

/* --- results --- */

void result_int(const char *key, uint64_t v)
{
    json_object_set_new(load.result, key, json_integer((json_int_t)v));
}

void result_real(const char *key, double v)
{
    json_object_set_new(load.result, key, json_real(v));
}

void result_by_program(const char *key, const struct usage *a, const struct usage *b, double n)
{
    json_t *programs = json_object();
    for (unsigned i = 0; i < b->programs; i++)
        json_object_set_new(programs, b->program[i].name,
                            json_real((double)usage_program_us(a, b, i) / n));
    json_object_set_new(load.result, key, programs);
}

void result_traffic(const struct usage *a, const struct usage *b, double seconds, uint64_t messages)
{
    const double n = messages ? (double)messages : 1;
    result_int("messages", messages);
    result_real("seconds", seconds);
    result_real("rate", (double)messages / seconds);
    if (load.latency.n) {
        result_real("p50_us", histogram_us(&load.latency, 0.5));
        result_real("p99_us", histogram_us(&load.latency, 0.99));
    }
    result_real("cpu_us", (double)(b->cpu_us - a->cpu_us) / n);
    result_real("cpus", (double)(b->cpu_us - a->cpu_us) / 1e6 / seconds);
    result_real("load_cpus", (b->self_us - a->self_us) / 1e6 / seconds);
    result_real("switches", (double)(b->switches - a->switches) / n);
    result_by_program("cpu_by_program", a, b, n);
}

/* --- start --- */

static _Noreturn void usage(void)
{
    fprintf(
        stderr,
        "load -d DRIVER -s SCENARIO -p PORT [-P PID of the server] [-S name of the server] [-T "
        "with TLS]\n"
        "  -n count  -w window  -b text bytes  -t seconds  -W warm-up seconds  -c logins at once\n"
        "  -m messages  -r users  -x source addresses  -q MQTT quality  -k MQTT sessions are kept\n"
        "  -H csmsg: each message has the head and the body's size of a sealed one\n"
        "drivers:");
    for (size_t i = 0; i < COUNT(drivers); i++)
        fprintf(stderr, " %s", drivers[i]->name);
    fprintf(stderr, "\nscenarios:\n");
    for (size_t i = 0; i < COUNT(scenarios); i++)
        fprintf(stderr, "  %-11s %s\n", scenarios[i].name, scenarios[i].what);
    exit(2);
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*end || end == text || v > 100000000) usage();
    return (unsigned)v;
}

static const struct driver *find_driver(const char *name)
{
    for (size_t i = 0; i < COUNT(drivers); i++)
        if (strcmp(drivers[i]->name, name) == 0) return drivers[i];
    usage();
}

static const struct scenario *find_scenario(const char *name)
{
    for (size_t i = 0; i < COUNT(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0) return &scenarios[i];
    usage();
}

static const struct scenario *read_options(int argc, char **argv, struct options *o)
{
    const struct scenario *s = NULL;
    for (int c; (c = getopt(argc, argv, "d:s:p:P:S:Tn:w:b:t:W:c:m:r:x:q:kH")) != -1;)
        switch (c) {
        case 'd': o->driver = find_driver(optarg); break;
        case 's': s = find_scenario(optarg); break;
        case 'p': o->port = (uint16_t)number(optarg); break;
        case 'P': o->root = (pid_t)number(optarg); break;
        case 'S': o->server = optarg; break;
        case 'T': o->tls = true; break;
        case 'n': o->n = number(optarg); break;
        case 'w': o->window = number(optarg); break;
        case 'b': o->bytes = number(optarg); break;
        case 't': o->seconds = number(optarg); break;
        case 'W': o->warm = number(optarg); break;
        case 'c': o->at_once = number(optarg); break;
        case 'm': o->messages = number(optarg); break;
        case 'r': o->users = number(optarg); break;
        case 'x': o->sources = number(optarg); break;
        case 'q': o->qos = number(optarg); break;
        case 'k': o->keep = true; break;
        case 'H': o->sealed = true; break;
        default: usage();
        }
    if (!o->driver || !s || !o->port || !o->window || !o->at_once || !o->users || !o->sources ||
        o->bytes > 60000)
        usage();
    return s;
}

int main(int argc, char **argv)
{
    const struct scenario *s = read_options(argc, argv, &load.o);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0) die("libsodium does not start");
    load.o.scenario = s->name;
    load.o.draining = s->run == scenario_drain;
    load.result = json_pack("{s:s, s:s, s:s, s:b}", "server", load.o.server, "scenario", s->name,
                            "driver", load.o.driver->name, "tls", (int)load.o.tls);
    s->run();
    result_int("dropped", load.n_dropped);
    json_dumpf(load.result, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    putchar('\n');
    return 0;
}
