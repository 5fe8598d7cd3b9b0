/* complete.c - see complete.h. */
#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "log.h"

/* Counts what fits down to the one that is wanted. */
struct search {
    const char *word;
    size_t left;
    char *found;
};

/* False: that was it. */
static bool offer(struct search *s, const char *before, const char *word)
{
    char all[128];
    snprintf(all, sizeof all, "%s%s", before, word);
    if (strncasecmp(all, s->word, strlen(s->word)) != 0) return true;
    if (s->left-- > 0) return true;
    s->found = xstrdup(all);
    return false;
}

static void commands_of(struct search *s, const struct chat *c)
{
    for (const struct command *cmd = commands; cmd->name; cmd++)
        if (!offer(s, "/", cmd->name)) return;
    for (size_t i = 0; c->config && i < c->config->alias.n; i++)
        if (!offer(s, "/", c->config->alias.pair[i].name)) return;
}

static void keys_of(struct search *s)
{
    for (size_t i = 0; i < config_count; i++)
        if (!offer(s, "", config_table[i].key)) return;
}

static void values_of(struct search *s, const char *key, size_t len)
{
    static const char *const switches[] = {"yes", "no", NULL};
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), key);
    const struct conf_key *k = config_find(name);
    const char *const *words = k ? k->words : NULL;
    if (k && k->type == CONF_BOOL) words = switches;
    for (; words && *words; words++)
        if (!offer(s, "", *words)) return;
}

static void names_of(struct search *s, const struct chat *c)
{
    if (!offer(s, "", "#lobby")) return;
    for (size_t i = 0; i < c->names.n; i++)
        if (!offer(s, "", c->names.name[i])) return;
}

/* Which word of the line begins at start: 0, 1, 2 …; *first is where the second one begins. */
static int place_of(const char *line, int start, const char **second)
{
    int n = 0;
    *second = "";
    for (int i = 0; i < start;) {
        if (n == 1) *second = line + i;
        i += (int)strcspn(line + i, " ");
        i += (int)strspn(line + i, " ");
        n++;
    }
    return n;
}

char *complete_word(const struct chat *c, const char *line, int start, const char *word, size_t i)
{
    struct search s = {.word = word, .left = i};
    const char *second;
    int place = place_of(line, start, &second);
    size_t len = strcspn(line, " ");
    const struct command *cmd = place && line[0] == '/' ? command_find(line + 1, len - 1) : NULL;
    bool set = cmd && strcmp(cmd->name, "set") == 0;
    if (place == 0 && word[0] == '/')
        commands_of(&s, c);
    else if (cmd && strcmp(cmd->name, "help") == 0)
        for (const struct command *each = commands; each->name && offer(&s, "", each->name); each++)
            ;
    else if (set && place == 1)
        keys_of(&s);
    else if (set)
        values_of(&s, second, strcspn(second, " "));
    else
        names_of(&s, c);
    return s.found;
}
