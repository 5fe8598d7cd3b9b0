/* typed.c - see typed.h. */
#include "typed.h"

#include <stdio.h>
#include <string.h>
#include <readline/history.h>

enum { TYPED_LINES = 1000 };

void typed_open(const struct errand *s)
{
    char path[PATH_MAX];
    using_history();
    stifle_history(TYPED_LINES);
    if (!s->identity.lock.on) read_history(home_file(&s->home, "history", path));
}

void typed_close(const struct errand *s)
{
    char path[PATH_MAX];
    if (!s->identity.lock.on) write_history(home_file(&s->home, "history", path));
    clear_history();
}

void typed_add(const char *line)
{
    if (line[strspn(line, " \t\n")]) add_history(line);
}
