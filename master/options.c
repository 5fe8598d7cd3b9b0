/*
 * options.c - the command line of the server, and settings from file and --set.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "master.h"

enum { OPT_SET = 256, OPT_CHECK, OPT_INIT, OPT_DUMP, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
    {"set", required_argument, NULL, OPT_SET},  {"check", no_argument, NULL, OPT_CHECK},
    {"init", required_argument, NULL, OPT_INIT}, {"dump-defaults", no_argument, NULL, OPT_DUMP},
    {"help", no_argument, NULL, OPT_HELP},      {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static const char help[] =
    "usage: " NAME "d CONFIG [--set SECTION.KEY=VALUE]... [--check]\n"
    "\n"
    "Runs the server in the foreground. SIGTERM ends it in order, SIGHUP reads CONFIG again.\n"
    "\n"
    "  --set SECTION.KEY=VALUE  overrides a key of CONFIG; may be given several times\n"
    "  --check                  only says whether CONFIG is good\n"
    "  --init FILE              writes a new CONFIG with every default explained\n"
    "  --dump-defaults          prints the same\n"
    "  --help                   prints this\n"
    "  --version                prints the version\n";

static int init_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        fprintf(stderr, NAME "d: cannot make %s: %s\n", path, strerror(errno));
        return 1;
    }
    conf_print_defaults(settings_table, settings_count, f);
    if (fclose(f)) {
        fprintf(stderr, NAME "d: cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    printf("wrote %s; start the server with:  " NAME "d %s\n", path, path);
    return 0;
}

static int usage(const char *what)
{
    fprintf(stderr, NAME "d: %s\nhint: " NAME "d --help shows how it is used\n", what);
    return 2;
}

int options_parse(int argc, char **argv, struct options *o)
{
    int c;
    *o = (struct options){.sets = argv}; /* assignments are gathered at the front of argv */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case OPT_SET: o->sets[o->n_sets++] = optarg; break;
        case OPT_CHECK: o->check = true; break;
        case OPT_INIT: return init_file(optarg);
        case OPT_DUMP: conf_print_defaults(settings_table, settings_count, stdout); return 0;
        case OPT_HELP: fputs(help, stdout); return 0;
        case OPT_VERSION: puts(NAME "d " VERSION); return 0;
        default: return usage("unknown option, or an option without its value");
        }
    }
    if (optind != argc - 1) return usage(optind == argc ? "which config file?" : "one config file, please");
    o->conf_path = argv[optind];
    return -1;
}

int options_settings(const char *conf_path, char **sets, int n_sets, struct settings *set, char *err, size_t size)
{
    conf_defaults(settings_table, settings_count, set);
    if (conf_parse_file(settings_table, settings_count, set, conf_path, err, size)) {
        size_t n = strlen(err);
        if (errno == ENOENT && n < size && access(conf_path, F_OK))
            snprintf(err + n, size - n, "\nhint: make one with:  " NAME "d --init %s", conf_path);
        return -1;
    }
    for (int i = 0; i < n_sets; i++)
        if (conf_set(settings_table, settings_count, set, sets[i], err, size)) return -1;
    if (settings_resolve(set, conf_path, err, size)) return -1;
    return settings_check(set, err, size);
}
