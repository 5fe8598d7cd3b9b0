/* options.c - see options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: chaos [OPTION]...          kills what it can, and checks that nothing was lost\n"
    "       chaos repair [OPTION]...   kills workers one by one, and measures until everybody "
    "hears again\n"
    "\n"
    "  --duration S            how long things are killed (60)\n"
    "  --seed N                of the schedule and the traffic (from the clock)\n"
    "  --clients N             busy clients in this process (200)\n"
    "  --homes N               clients with a store on disk, in processes that are killed (8; "
    "repair: 0)\n"
    "  --idle N                clients that only listen (0)\n"
    "  --window N              unsettled messages of a busy client (4; repair: 2)\n"
    "  --lobby-every N         one message in N is to the lobby (64; repair: 0, none)\n"
    "  --groups N              groups of eight, who come and go (8; repair: 0)\n"
    "  --every MS              mean time between two deeds (250)\n"
    "  --kill-worker on|off    --kill-broker on|off    --kill-client on|off    --stop on|off\n"
    "  --kill-master on|off|auto, --master\n"
    "                          auto (default): when the server has a takeover socket\n"
    "  --allow-reconnects      lost connections of living clients do not fail the run\n"
    "  --workers N             of the server (0: one per core)\n"
    "  --kills N               repair: how often (20)\n"
    "  --keep                  keeps the server's log and state when all held, too\n"
    "  --program-dir DIR       where the server's programs are (beside this one's folder)\n";

enum {
    OPT_DURATION = 256,
    OPT_SEED,
    OPT_CLIENTS,
    OPT_HOMES,
    OPT_IDLE,
    OPT_WINDOW,
    OPT_LOBBY,
    OPT_GROUPS,
    OPT_EVERY,
    OPT_WORKER,
    OPT_BROKER,
    OPT_KILL_MASTER,
    OPT_CLIENT,
    OPT_STOP,
    OPT_MASTER,
    OPT_RECONNECTS,
    OPT_WORKERS,
    OPT_KILLS,
    OPT_PROGRAMS,
    OPT_KEEP,
    OPT_HELP,
};

static const struct option longs[] = {
    {"duration", required_argument, NULL, OPT_DURATION},
    {"seed", required_argument, NULL, OPT_SEED},
    {"clients", required_argument, NULL, OPT_CLIENTS},
    {"homes", required_argument, NULL, OPT_HOMES},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"window", required_argument, NULL, OPT_WINDOW},
    {"lobby-every", required_argument, NULL, OPT_LOBBY},
    {"groups", required_argument, NULL, OPT_GROUPS},
    {"every", required_argument, NULL, OPT_EVERY},
    {"kill-worker", required_argument, NULL, OPT_WORKER},
    {"kill-broker", required_argument, NULL, OPT_BROKER},
    {"kill-master", required_argument, NULL, OPT_KILL_MASTER},
    {"kill-client", required_argument, NULL, OPT_CLIENT},
    {"stop", required_argument, NULL, OPT_STOP},
    {"master", no_argument, NULL, OPT_MASTER},
    {"allow-reconnects", no_argument, NULL, OPT_RECONNECTS},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"kills", required_argument, NULL, OPT_KILLS},
    {"program-dir", required_argument, NULL, OPT_PROGRAMS},
    {"keep", no_argument, NULL, OPT_KEEP},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

/* The folder above the one this program is in. */
static const char *beside(void)
{
    static char path[PATH_LEN];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    for (int up = 0; up < 2 && n > 0; up++) {
        char *slash = strrchr(path, '/');
        if (slash) *slash = '\0';
    }
    return path;
}

static bool number(const char *text, unsigned least, unsigned most, unsigned *out)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || v < least || v > most) return false;
    *out = (unsigned)v;
    return true;
}

static bool choice(const char *text, bool with_auto, enum chaos_switch *out)
{
    if (strcmp(text, "on") == 0)
        *out = SWITCH_ON;
    else if (strcmp(text, "off") == 0)
        *out = SWITCH_OFF;
    else if (with_auto && strcmp(text, "auto") == 0)
        *out = SWITCH_AUTO;
    else
        return false;
    return true;
}

static bool seed(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 0);
    return end != text && !*end;
}

static bool take(int c, struct options *o)
{
    unsigned workers;
    switch (c) {
    case OPT_DURATION: return number(optarg, 1, 86400, &o->seconds);
    case OPT_SEED: return seed(optarg, &o->seed);
    case OPT_CLIENTS: return number(optarg, 2, PEOPLE_MAX - HOMES_MAX, &o->clients);
    case OPT_HOMES: return number(optarg, 0, HOMES_MAX, &o->homes);
    case OPT_IDLE: return number(optarg, 0, 100000, &o->idle);
    case OPT_WINDOW: return number(optarg, 1, 512, &o->window);
    case OPT_LOBBY: return number(optarg, 0, 1000000, &o->lobby_every);
    case OPT_GROUPS: return number(optarg, 0, GROUPS_MAX, &o->groups);
    case OPT_EVERY: return number(optarg, 20, 600000, &o->every_ms);
    case OPT_WORKER: return choice(optarg, false, &o->worker);
    case OPT_BROKER: return choice(optarg, false, &o->broker);
    case OPT_KILL_MASTER: return choice(optarg, true, &o->master);
    case OPT_CLIENT: return choice(optarg, false, &o->client);
    case OPT_STOP: return choice(optarg, false, &o->stop);
    case OPT_MASTER: o->master = SWITCH_ON; return true;
    case OPT_RECONNECTS: o->allow_reconnects = true; return true;
    case OPT_WORKERS: o->workers = optarg; return number(optarg, 0, 64, &workers);
    case OPT_KILLS: return number(optarg, 1, 10000, &o->kills);
    case OPT_KEEP: o->keep = true; return true;
    case OPT_PROGRAMS: o->programs = optarg; return true;
    default: return false;
    }
}

static int usage(void)
{
    fprintf(
        stderr,
        "chaos: unknown option, or a value that does not fit it\nhint: chaos --help lists them\n");
    return 3;
}

int options_read(int argc, char **argv, struct options *o)
{
    struct timespec t;
    int c;
    clock_gettime(CLOCK_REALTIME, &t);
    *o = (struct options){.seconds = 60,
                          .every_ms = 250,
                          .window = 4,
                          .lobby_every = 64,
                          .clients = 200,
                          .homes = 8,
                          .groups = 8,
                          .kills = 20,
                          .seed = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000,
                          .worker = SWITCH_ON,
                          .broker = SWITCH_ON,
                          .master = SWITCH_AUTO,
                          .client = SWITCH_ON,
                          .stop = SWITCH_ON,
                          .programs = beside(),
                          .workers = "0"};
    if (argc > 1 && strcmp(argv[1], "repair") == 0) {
        o->repair = true;
        o->homes = 0;
        o->window = 2;
        o->lobby_every = 0;
        o->groups = 0;
        optind = 2;
    }
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == OPT_HELP) return fputs(help, stdout) < 0 ? 3 : 1;
        if (!take(c, o)) return usage();
    }
    if (optind != argc) return usage();
    if (o->repair) o->worker = o->broker = o->master = o->client = o->stop = SWITCH_OFF;
    return 0;
}
