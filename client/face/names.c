/* names.c - see names.h. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Where the name is or belongs. */
static size_t find(const struct names *s, const char *name, bool *there)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (strcasecmp(s->name[mid], name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *there = low < s->n && strcasecmp(s->name[low], name) == 0;
    return low;
}

static bool take(struct slice name, char out[NAME_SIZE])
{
    if (!name_valid((const char *)name.data, name.len, NULL)) return false;
    memcpy(out, name.data, name.len);
    out[name.len] = '\0';
    return true;
}

void names_add(struct names *s, struct slice name)
{
    char text[NAME_SIZE];
    bool there;
    if (!take(name, text)) return;
    size_t at = find(s, text, &there);
    if (there) return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->name = xrealloc(s->name, s->cap * sizeof *s->name);
    }
    memmove(s->name + at + 1, s->name + at, (s->n - at) * sizeof *s->name);
    memcpy(s->name[at], text, sizeof text);
    s->n++;
}

void names_remove(struct names *s, struct slice name)
{
    char text[NAME_SIZE];
    bool there;
    if (!take(name, text)) return;
    size_t at = find(s, text, &there);
    if (!there) return;
    memmove(s->name + at, s->name + at + 1, (s->n - at - 1) * sizeof *s->name);
    s->n--;
}

void names_clear(struct names *s)
{
    free(s->name);
    *s = (struct names){0};
}

size_t names_match(const struct names *s, size_t i, const char *prefix)
{
    while (i < s->n && strncasecmp(s->name[i], prefix, strlen(prefix)) != 0)
        i++;
    return i;
}
