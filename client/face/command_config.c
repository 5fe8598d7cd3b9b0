/* command_config.c - see command_config.h. What is set holds at once and stands in the config file. */
#include "command_config.h"

#include <stdio.h>
#include <string.h>

#include "../../ipc/conf_value.h"
#include "../show.h"
#include "command.h"
#include "report.h"

static bool can_set(struct chat *c)
{
    if (c->config) return true;
    chat_error(c, "nothing can be set here", "");
    return false;
}

static void changed(struct chat *c)
{
    if (c->ops->configured) c->ops->configured(c->arg);
}

/* Text of the file is the user's own, and may hold anything all the same. */
static void print_pair(struct chat *c, const char *before, const char *name, const char *value, const char *behind)
{
    struct buf line = {0};
    report_put(&line, "%s%s = ", before, name);
    show_line(&line, (struct slice){(const uint8_t *)value, strlen(value)});
    report_put(&line, "%s", behind);
    buf_put_u8(&line, 0);
    c->ops->print(c->arg, (const char *)buf_head(&line));
    buf_free(&line);
}

static void print_key(struct chat *c, const struct conf_key *k, bool help)
{
    struct buf value = {0};
    char range[160];
    config_value(c->config, k, &value);
    bool same = strcmp((const char *)buf_head(&value), k->def) == 0;
    print_pair(c, same ? "    " : "  * ", k->key, (const char *)buf_head(&value), "");
    buf_free(&value);
    if (!help) return;
    conf_value_range(k, range, sizeof range);
    chat_print(c, "      %s (%s; by default \"%s\")", k->help, range, k->def);
}

static void print_keys(struct chat *c)
{
    for (size_t i = 0; i < config_count; i++)
        print_key(c, &config_table[i], false);
    chat_print(c, "  * is not the default; /set KEY explains one, /set KEY VALUE sets it in %s", c->config->path);
}

static void report_why(struct chat *c, const struct why *why)
{
    chat_error(c, why->what, why->hint);
}

/* The first word, terminated; rest is what follows. */
static const char *split(const char *line, char *word, size_t cap)
{
    size_t n = strcspn(line, " ");
    snprintf(word, cap, "%.*s", (int)n, line);
    return line + n + strspn(line + n, " ");
}

static void set_key(struct chat *c, const char *key, const char *value)
{
    struct why why;
    if (config_set(c->config, key, value, &why) < 0) {
        report_why(c, &why);
        return;
    }
    print_key(c, config_find(key), false);
    changed(c);
}

void cmd_set(struct chat *c, const char *rest)
{
    char key[64];
    if (!can_set(c)) return;
    const char *value = split(rest, key, sizeof key);
    if (!key[0])
        print_keys(c);
    else if (strcmp(key, "-default") == 0)
        set_key(c, value, NULL);
    else if (!*value && config_find(key))
        print_key(c, config_find(key), true);
    else
        set_key(c, key, value);
}

/* /alias and /bind alike: list, show one, set one, take one away. */
static void pair_order(struct chat *c, const char *section, const struct config_pairs *pairs, const char *rest)
{
    char name[64];
    struct why why;
    const char *slash = section[0] == 'a' ? "/" : "";
    const char *line = split(rest, name, sizeof name);
    for (size_t i = 0; i < pairs->n && !name[0]; i++)
        print_pair(c, slash[0] ? "  /" : "  ", pairs->pair[i].name, pairs->pair[i].line, "");
    if (!name[0]) {
        if (!pairs->n) chat_print(c, "  there are none yet");
        return;
    }
    bool away = name[0] == '-' && !*line;
    const char *word = name + away, *known = config_pair(pairs, word);
    if (!*line && !away) {
        if (known)
            print_pair(c, slash, word, known, "");
        else
            chat_error(c, "there is none of this name", "");
        return;
    }
    if (config_set_pair(c->config, section, word, away ? NULL : line, &why) < 0) {
        report_why(c, &why);
        return;
    }
    chat_print(c, "*** %s%s %s", slash, word, away ? "is gone" : "is set");
    changed(c);
}

void cmd_alias(struct chat *c, const char *rest)
{
    if (!can_set(c)) return;
    rest += *rest == '/';
    if (*rest != '-' && rest[strcspn(rest, " ")] && command_find(rest, strcspn(rest, " "))) {
        chat_error(c, "this is a command already", "an alias needs a word of its own");
        return;
    }
    pair_order(c, "alias", &c->config->alias, rest);
}

/* What irssi has on the row of letters: windows 11 to 20. Some of them are keys of ours until then. */
static const struct config_pair irssi[] = {{"M-q", "/win 11"}, {"M-w", "/win 12"}, {"M-e", "/win 13"}, {"M-r", "/win 14"},
                                           {"M-t", "/win 15"}, {"M-y", "/win 16"}, {"M-u", "/win 17"}, {"M-i", "/win 18"},
                                           {"M-o", "/win 19"}, {"M-p", "/win 20"}};

/* Sets them, or takes those away that still are as it has set them. */
static void preset(struct chat *c, bool away)
{
    struct why why;
    for (size_t i = 0; i < sizeof irssi / sizeof *irssi; i++) {
        const char *now = config_pair(&c->config->bind, irssi[i].name);
        if (away && (!now || strcmp(now, irssi[i].line) != 0)) continue;
        if (config_set_pair(c->config, "bind", irssi[i].name, away ? NULL : irssi[i].line, &why) < 0) {
            report_why(c, &why);
            return;
        }
    }
    chat_print(c, away ? "*** Alt-q to Alt-p are as they were" : "*** Alt-q to Alt-p go to windows 11 to 20; /bind -preset irssi ends that");
    changed(c);
}

void cmd_bind(struct chat *c, const char *rest)
{
    bool away = *rest == '-';
    if (!can_set(c)) return;
    if (strncmp(rest + away, "preset ", 7) != 0)
        pair_order(c, "bind", &c->config->bind, rest);
    else if (strcmp(rest + away + 7, "irssi") == 0)
        preset(c, away);
    else
        chat_error(c, "there is no such preset", "/bind preset irssi");
}

/* One more word for the key `highlight`; "-word" takes it out. */
void cmd_hilight(struct chat *c, const char *rest)
{
    char list[CONFIG_TEXT + 64] = "";
    if (!can_set(c)) return;
    const char *now = c->config->v.highlight, *wanted = rest + (*rest == '-');
    if (!*rest) {
        print_key(c, config_find("highlight"), true);
        return;
    }
    if (strchr(wanted, ',')) {
        chat_error(c, "one word at a time", "/hilight printf");
        return;
    }
    while (*now) { /* what is there already, without this word */
        size_t n = strcspn(now, ","), used = strlen(list);
        if (!(n == strlen(wanted) && strncasecmp(now, wanted, n) == 0))
            snprintf(list + used, sizeof list - used, "%s%.*s", used ? ", " : "", (int)n, now);
        now += n;
        now += strspn(now, ", ");
    }
    size_t used = strlen(list);
    if (*rest != '-') snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", wanted);
    set_key(c, "highlight", list);
}

/* The n-th word of rest, from 1. */
static struct slice nth_word(const char *rest, int n)
{
    while (--n > 0 && *rest) {
        rest += strcspn(rest, " ");
        rest += strspn(rest, " ");
    }
    return (struct slice){(const uint8_t *)rest, strcspn(rest, " ")};
}

bool alias_line(const struct chat *c, const char *word, size_t len, const char *rest, struct buf *out)
{
    char name[CONFIG_WORD];
    bool used = false;
    if (!c->config || len >= sizeof name) return false;
    snprintf(name, sizeof name, "%.*s", (int)len, word);
    const char *line = config_pair(&c->config->alias, name);
    if (!line) return false;
    for (; *line; line++) {
        bool all = line[0] == '$' && line[1] == '*', one = line[0] == '$' && line[1] >= '1' && line[1] <= '9';
        struct slice put = {(const uint8_t *)line, 1};
        if (all) put = (struct slice){(const uint8_t *)rest, strlen(rest)};
        if (one) put = nth_word(rest, line[1] - '0');
        buf_put(out, put.data, put.len);
        line += all || one;
        used = used || all || one;
    }
    if (!used && *rest) report_put(out, " %s", rest);
    buf_put_u8(out, 0);
    return true;
}
