/* roll.c - see roll.h. */
#include "roll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

void roll_free(struct roll *p)
{
    free(p->person);
    *p = (struct roll){0};
}

/* Where the name stands, or would stand. */
static size_t place_of(const struct roll *p, const char *name)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcasecmp(p->person[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct person *roll_find(const struct roll *p, const char *name)
{
    size_t i = place_of(p, name);
    return i < p->n && strcasecmp(p->person[i].name, name) == 0 ? &p->person[i] : NULL;
}

static void grow(struct roll *p)
{
    if (p->n < p->cap) return;
    p->cap = p->cap * 2 + 16;
    struct person *bigger = xcalloc(p->cap, sizeof *bigger);
    if (p->n) memcpy(bigger, p->person, p->n * sizeof *bigger);
    free(p->person);
    p->person = bigger;
}

struct person *roll_add(struct roll *p, const char *name)
{
    struct person *known = roll_find(p, name);
    if (known) return known;
    if (!name_valid(name, strlen(name), NULL)) return NULL;
    size_t i = place_of(p, name);
    grow(p);
    memmove(p->person + i + 1, p->person + i, (p->n - i) * sizeof *p->person);
    p->n++;
    p->person[i] = (struct person){0};
    snprintf(p->person[i].name, NAME_SIZE, "%s", name);
    return &p->person[i];
}

void roll_remove(struct roll *p, const char *name)
{
    struct person *known = roll_find(p, name);
    if (!known) return;
    size_t i = (size_t)(known - p->person);
    memmove(known, known + 1, (p->n - i - 1) * sizeof *known);
    p->n--;
}
