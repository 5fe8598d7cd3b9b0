/* accept.c - see accept.h. */
#include "accept.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "out.h"

/* A number and B, KiB, MiB or GiB. */
static bool parse_size(const char *text, size_t len, uint64_t *out)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    char copy[32], *end;
    if (len == 0 || len >= sizeof copy || !isdigit((unsigned char)text[0])) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    errno = 0;
    unsigned long long n = strtoull(copy, &end, 10);
    for (size_t i = 0; i < 4 && !errno && n < 1u << 30; i++)
        if (strcasecmp(end, units[i].name) == 0) {
            *out = n << units[i].shift;
            return true;
        }
    return false;
}

static bool parse_who(const char *text, size_t len, char who[NAME_SIZE])
{
    bool star = len == 1 && text[0] == '*';
    bool good = star || (text[0] == '#' ? name_valid_room(text, len, NULL) : name_valid(text, len, NULL));
    if (good) snprintf(who, NAME_SIZE, "%.*s", (int)len, text);
    return good;
}

int accept_parse(struct accept *a, const char *text, struct why *why)
{
    *a = (struct accept){0};
    while (text && *text) {
        size_t len = strcspn(text, ","), who = strcspn(text, ":,");
        struct accept_rule *rule = &a->rule[a->n];
        if (a->n == ACCEPT_RULES || who >= len || !parse_who(text, who, rule->who) ||
            !parse_size(text + who + 1, len - who - 1, &rule->most)) {
            why_set(why, "--auto-accept needs rules WHO:SIZE, at most %d, with commas between them", ACCEPT_RULES);
            why_hint(why, "for instance frank:10MiB,#chess:1MiB,*:64KiB");
            return -1;
        }
        a->n++;
        text += len + (text[len] == ',');
    }
    return 0;
}

static bool same(const char *who, struct slice name)
{
    return strlen(who) == name.len && strncasecmp(who, (const char *)name.data, name.len) == 0;
}

bool accept_wants(const struct accept *a, const struct file_row *row)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct accept_rule *r = &a->rule[i];
        bool named = strcmp(r->who, "*") == 0 || same(r->who, r->who[0] == '#' ? row->to : row->from);
        if (named) return row->size <= r->most;
    }
    return false;
}

void accept_offers(const struct accept *a, struct client *c, struct vault *v, const char *own)
{
    struct file_row row;
    struct why why;
    uint64_t after = 0;
    while (a->n && file_book_next(v, after, &row) > 0) {
        bool wanted = row.state == FILE_OFFERED && !same(own, row.from) && accept_wants(a, &row);
        after = row.id;
        file_row_free(&row);
        if (wanted && client_get(c, after, NULL, -1, &why) != CLIENT_FILE_TAKEN) out_why(&why);
    }
}
