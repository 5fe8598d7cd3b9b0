/* after.c - see after.h. */
#include "after.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 10 };

static bool is_bad(const char *line)
{
    if (strstr(line, "AddressSanitizer") || strstr(line, "LeakSanitizer") ||
        strstr(line, "runtime error:"))
        return true;
    if (strstr(line, "ev=fatal") || strstr(line, "Assertion")) return true;
    return strstr(line, "ev=died") && !strstr(line, "signal=9 ");
}

unsigned after_log(const struct shared *s)
{
    FILE *f = fopen(s->log, "re");
    char line[4096];
    unsigned n = 0;
    while (f && fgets(line, sizeof line, f))
        if (is_bad(line) && n++ < SHOWN) fprintf(stderr, "chaos: in the server's log: %s", line);
    if (f) fclose(f);
    return n;
}

static bool is_sound(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) == SQLITE_OK &&
                sqlite3_step(st) == SQLITE_ROW &&
                strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
    if (!good) fprintf(stderr, "chaos: %s is not sound: %s\n", path, sqlite3_errmsg(db));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return good;
}

bool after_store(const struct shared *s)
{
    char folder[PATH_LEN + 8], path[PATH_LEN * 2];
    bool good = true;
    const struct dirent *e;
    snprintf(folder, sizeof folder, "%s/state", s->folder);
    DIR *d = opendir(folder);
    while (d && (e = readdir(d))) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".db") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        good = is_sound(path) && good;
    }
    if (d) closedir(d);
    return good;
}
