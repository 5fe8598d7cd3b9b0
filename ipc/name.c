/* name.c - see name.h. Pure functions over bytes: tables would say less than the short rules. */
#include "name.h"

#include <string.h>

/* ctype.h would ask the locale, and a name must mean the same on every machine. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_separator(char c)
{
    return c == '_' || c == '.' || c == '-';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static const char *name_fault(const char *s, size_t len)
{
    if (len == 0) return "is empty";
    if (len > NAME_LEN) return "is longer than 32 bytes";
    for (size_t i = 0; i < len; i++)
        if (!is_letter(s[i]) && !is_digit(s[i]) && !is_separator(s[i]))
            return "may hold letters, digits, _ . and - alone";
    if (is_separator(s[0])) return "must begin with a letter or digit";
    return NULL;
}

bool name_valid(const char *s, size_t len, const char **why)
{
    const char *fault = name_fault(s, len);
    if (why) *why = fault;
    return !fault;
}

bool name_valid_room(const char *s, size_t len, const char **why)
{
    if (len > 0 && s[0] == '#') return name_valid(s + 1, len - 1, why);
    if (why) *why = "must begin with #, as rooms do";
    return false;
}

void name_fold(char out[NAME_SIZE], const char *s, size_t len)
{
    size_t n = len < NAME_SIZE ? len : NAME_SIZE - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = lower(s[i]);
    out[n] = '\0';
}

/*
 * m becomes rn rather than rn becoming m: "vvv" can be read as vw or as wv, and only the long
 * form makes all three equal. Separators go, so that "alice_", "al.ice" and "alice" are one, but not
 * between two digits, where they tell "u1-12" from "u11-2"; there all three kinds are one. No two
 * digits share a letter, so numbered names never stand in each other's way. 8 and b, cl and d
 * look different enough in a terminal.
 */
void name_skeleton(char out[NAME_SKELETON_SIZE], const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 2 < NAME_SKELETON_SIZE; i++) {
        char c = lower(s[i]);
        switch (c) {
        case '_':
        case '.':
        case '-':
            if (i == 0 || i + 1 >= len || !is_digit(s[i - 1]) || !is_digit(s[i + 1])) continue;
            c = '.';
            break;
        case '0': c = 'o'; break;
        case '5': c = 's'; break;
        case '1':
        case 'i':
        case '|': c = 'l'; break;
        case 'm':
            out[n++] = 'r';
            c = 'n';
            break;
        case 'w':
            out[n++] = 'v';
            c = 'v';
            break;
        }
        out[n++] = c;
    }
    out[n] = '\0';
}

bool name_reserved(const char *s, size_t len)
{
    static const char *const words[] = {
        "server",     "system",    "admin",     "administrator", "root",    "operator",
        "lobby",      "everyone",  "everybody", "here",          "nobody",  "broker",
        "master",     "csmsg",
    };
    /* By its skeleton "all" would take the name Ali from people who bear it. */
    char fold[NAME_SIZE], mine[NAME_SKELETON_SIZE], word[NAME_SKELETON_SIZE];
    name_fold(fold, s, len);
    if (strcmp(fold, "all") == 0) return true;
    name_skeleton(mine, s, len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        name_skeleton(word, words[i], strlen(words[i]));
        if (strcmp(mine, word) == 0) return true;
    }
    return false;
}

enum { DISTANCE_LEN = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* One row of the table: what it costs to make the first j letters of b of the first i of a. */
static unsigned distance_row(const char *a, size_t i, const char *b, size_t blen,
                             unsigned (*row)[DISTANCE_LEN + 1])
{
    unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
    unsigned best = now[0] = (unsigned)i;
    for (size_t j = 1; j <= blen; j++) {
        char x = lower(a[i - 1]), y = lower(b[j - 1]);
        unsigned cost = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (x != y));
        if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
            cost = least(cost, earlier[j - 2] + 1);
        now[j] = cost;
        best = least(best, cost);
    }
    return best;
}

unsigned name_distance(const char *a, size_t alen, const char *b, size_t blen, unsigned limit)
{
    unsigned row[3][DISTANCE_LEN + 1];
    size_t gap = alen > blen ? alen - blen : blen - alen;
    if (alen > DISTANCE_LEN || blen > DISTANCE_LEN || gap > limit) return limit + 1;
    for (size_t j = 0; j <= blen; j++)
        row[0][j] = (unsigned)j;
    unsigned last = 0;
    for (size_t i = 1; i <= alen; i++) {
        unsigned best = distance_row(a, i, b, blen, row);
        /* A swap reaches back two rows, so two rows over the limit are needed to be sure. */
        if (best > limit && last > limit) return limit + 1;
        last = best;
    }
    unsigned d = row[alen % 3][blen];
    return d > limit ? limit + 1 : d;
}

unsigned name_slips(size_t len)
{
    return len <= 3 ? 1 : len <= 7 ? 2 : 3;
}

void name_near_start(struct name_near *near, const char *wanted, size_t len)
{
    *near = (struct name_near){0};
    name_fold(near->wanted, wanted, len);
}

/* A look-alike of what was typed is as near as one slip, however many letters it differs in. */
static unsigned near_distance(const struct name_near *near, const char *name, size_t len)
{
    size_t wanted = strlen(near->wanted);
    unsigned limit = name_slips(wanted);
    unsigned d = name_distance(near->wanted, wanted, name, len, limit);
    if (d <= 1) return d;
    char mine[NAME_SKELETON_SIZE], theirs[NAME_SKELETON_SIZE];
    name_skeleton(mine, near->wanted, wanted);
    name_skeleton(theirs, name, len);
    if (strcmp(mine, theirs) == 0) return 1;
    return d > limit ? NAME_SKELETON_SIZE : d;
}

void name_near_offer(struct name_near *near, const char *name, size_t len)
{
    if (len == 0 || len >= NAME_SIZE) return;
    unsigned d = near_distance(near, name, len);
    if (d == NAME_SKELETON_SIZE) return;
    char copy[NAME_SIZE] = {0};
    memcpy(copy, name, len);
    size_t at = near->n;
    while (at > 0 && (near->distance[at - 1] > d ||
                      (near->distance[at - 1] == d && strcmp(near->name[at - 1], copy) > 0)))
        at--;
    if (at == NAME_SUGGEST) return;
    size_t moved = (near->n < NAME_SUGGEST ? near->n : NAME_SUGGEST - 1) - at;
    memmove(near->name[at + 1], near->name[at], moved * NAME_SIZE);
    memmove(&near->distance[at + 1], &near->distance[at], moved * sizeof near->distance[0]);
    memcpy(near->name[at], copy, NAME_SIZE);
    near->distance[at] = d;
    if (near->n < NAME_SUGGEST) near->n++;
}
