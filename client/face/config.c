/* config.c - see config.h: reading. Writing is config_write.c, the keys are config_table.c. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config_private.h"
#include "log.h"
#include "name.h"

/* --- values that must be more than text --- */

static bool refuse(struct conf_fault *fault, const char *what, const char *hint)
{
    snprintf(fault->what, sizeof fault->what, "%s", what);
    snprintf(fault->hint, sizeof fault->hint, "%s", hint);
    return false;
}

static bool check_time_format(const char *value, struct conf_fault *fault)
{
    char text[64];
    const struct tm noon = {.tm_year = 126, .tm_mday = 1, .tm_hour = 12};
    if (strftime(text, sizeof text, value, &noon) > 0 && !strpbrk(text, "\n\t")) return true;
    return refuse(fault, "time_format gives no text, or more than a short line", "%H:%M is 14:03; man 3 strftime");
}

static bool check_profile(const char *value, struct conf_fault *fault)
{
    if (!value[0] || name_valid(value, strlen(value), NULL)) return true;
    return refuse(fault, "this cannot be the name of a profile", "1 to 32 letters, digits, _ . -");
}

static bool check_rules(const char *value, struct conf_fault *fault)
{
    struct config_rule rule;
    const char *at = value;
    while (*at)
        if (!config_next_rule(&at, &rule))
            return refuse(fault, "a rule is FROM SIZE", "bob 10MiB, #lab 1MiB, anybody 64KiB");
    return true;
}

bool config_check(const struct conf_key *k, const char *value, struct conf_fault *fault)
{
    *fault = (struct conf_fault){0};
    if (strcmp(k->key, "time_format") == 0) return check_time_format(value, fault);
    if (strcmp(k->key, "profile") == 0) return check_profile(value, fault);
    if (strcmp(k->key, "auto_accept") == 0) return check_rules(value, fault);
    return true;
}

/* --- pairs --- */

static char *copy(const char *s)
{
    return xstrdup(s);
}

void config_pair_put(struct config_pairs *p, const char *name, const char *line)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcasecmp(p->pair[i].name, name) != 0) continue;
        free(p->pair[i].line);
        p->pair[i].line = copy(line);
        return;
    }
    p->pair = xrealloc(p->pair, (p->n + 1) * sizeof *p->pair);
    p->pair[p->n++] = (struct config_pair){copy(name), copy(line)};
}

void config_pair_drop(struct config_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcasecmp(p->pair[i].name, name) != 0) continue;
        free(p->pair[i].name);
        free(p->pair[i].line);
        p->pair[i] = p->pair[--p->n];
        return;
    }
}

const char *config_pair(const struct config_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcasecmp(p->pair[i].name, name) == 0) return p->pair[i].line;
    return NULL;
}

static bool word_ok(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

bool config_pair_check(const char *section, const char *name, const char *line, struct conf_fault *fault)
{
    char bytes[8];
    *fault = (struct conf_fault){0};
    if (strcmp(section, "alias") == 0 && (!word_ok(name) || strlen(name) >= CONFIG_WORD))
        return refuse(fault, "this cannot be an alias", "1 to 32 letters, digits or _, without the slash");
    if (strcmp(section, "bind") == 0 && config_key_bytes(name, bytes) == 0)
        return refuse(fault, "there is no such key", "C-t, M-x and F5 are keys: with Ctrl, with Alt, a function key");
    if (!*line) return refuse(fault, "nothing stands behind the \"=\"", "a line as it would be typed: /me waves");
    const char *why = conf_rooms_fit(line);
    return why ? refuse(fault, "the line cannot stand in the file", why) : true;
}

/* --- reading --- */

/* One pass over the file: into base and pairs first, then once more for the profile alone. */
struct pass {
    struct config *c;
    const char *profile;          /* to be read now, NULL: none */
    struct config_values scratch; /* of what is read to be checked only */
    struct config_values *into;   /* of the profile */
    bool found;
};

static const char *on_section(void *arg, const char *name, void **to)
{
    struct pass *p = arg;
    static const char profile[] = "profile ";
    if (strcmp(name, "alias") == 0 || strcmp(name, "bind") == 0) return "";
    if (strncmp(name, profile, strlen(profile)) != 0) return NULL;
    name += strlen(profile);
    if (!name_valid(name, strlen(name), NULL)) return NULL;
    bool mine = p->profile && strcmp(name, p->profile) == 0;
    if (mine) p->found = true;
    *to = mine ? p->into : &p->scratch;
    return "client";
}

static bool on_pair(void *arg, const char *section, const char *key, const char *value, struct conf_fault *fault)
{
    struct pass *p = arg;
    if (!config_pair_check(section, key, value, fault)) return false;
    if (p->profile) return true; /* they were taken in the first pass */
    struct config_pairs *pairs = section[0] == 'a' ? &p->c->alias : &p->c->bind;
    if (config_pair(pairs, key)) return refuse(fault, "this stands here twice", "");
    if (pairs->n == CONFIG_PAIRS) return refuse(fault, "there are too many of these", "");
    config_pair_put(pairs, key, value);
    return true;
}

static int read_pass(struct pass *p, struct config_values *base, const char *label, const char *text, size_t len,
                     struct why *why)
{
    char err[CONF_ERR_SIZE];
    const struct conf_more more = {.arg = p, .section = on_section, .pair = on_pair, .check = config_check};
    if (conf_parse_more(config_table, config_count, base, &more, label, text, len, err, sizeof err) == 0) return 0;
    char *hint = strstr(err, "\nhint: ");
    if (hint) *hint = '\0';
    why_set(why, "%s", err);
    if (hint) why_hint(why, "%s", hint + strlen("\nhint: "));
    return -1;
}

/* "~/x" is in the home folder of the user. */
static void expand(char *path, size_t size)
{
    const char *home = getenv("HOME");
    size_t before = home ? strlen(home) : 0, behind = strlen(path);
    if (strncmp(path, "~/", 2) != 0 || !home || before + behind > size) return;
    memmove(path + before, path + 1, behind); /* with its terminator, without the ~ */
    memcpy(path, home, before);
}

static int choose_profile(struct config *c, struct pass *p, const char *label, const char *text, size_t len,
                          const char *profile, struct why *why)
{
    if (!profile || !profile[0]) profile = c->v.profile;
    if (!profile[0]) return 0;
    snprintf(c->profile, sizeof c->profile, "%s", profile);
    p->profile = c->profile;
    p->into = &c->v;
    struct config_values base = c->v; /* read once more, and thrown away */
    if (read_pass(p, &base, label, text, len, why) < 0) return -1;
    if (p->found) return 0;
    char shown[80];
    log_escape(shown, sizeof shown, profile, strlen(profile));
    why_set(why, "there is no profile \"%s\" in %s", shown, label);
    why_hint(why, "write a section [profile %s] there, or leave --profile out", shown);
    return -1;
}

int config_parse(struct config *c, const char *label, const char *text, size_t len, const char *profile,
                 struct why *why)
{
    struct pass p = {.c = c};
    *c = (struct config){0};
    conf_defaults(config_table, config_count, &c->v);
    if (read_pass(&p, &c->v, label, text, len, why) < 0 ||
        choose_profile(c, &p, label, text, len, profile, why) < 0) {
        config_free(c);
        conf_defaults(config_table, config_count, &c->v);
        return -1;
    }
    expand(c->v.home, sizeof c->v.home);
    expand(c->v.password_file, sizeof c->v.password_file);
    expand(c->v.download, sizeof c->v.download);
    return 0;
}

/* "" when neither variable says where. */
static void default_path(char out[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    out[0] = '\0';
    if (config && config[0] == '/')
        snprintf(out, PATH_MAX, "%s/csmsg/config", config);
    else if (home && home[0] == '/')
        snprintf(out, PATH_MAX, "%s/.config/csmsg/config", home);
}

int config_load(struct config *c, const char *path, const char *profile, struct why *why)
{
    char where[PATH_MAX], *text = NULL;
    size_t len = 0;
    if (path)
        snprintf(where, sizeof where, "%s", path);
    else
        default_path(where);
    if (path && access(path, F_OK) != 0) {
        why_set(why, "cannot open \"%s\": %s", path, strerror(errno));
        why_hint(why, NAME " config defaults > '%s' makes one", path);
        return config_parse(c, "", "", 0, NULL, &(struct why){0}), -1;
    }
    if (where[0] && config_read(where, &text, &len, why) < 0)
        return config_parse(c, "", "", 0, NULL, &(struct why){0}), -1;
    int r = config_parse(c, where[0] ? where : "the config file", text ? text : "", len, profile, why);
    snprintf(c->path, sizeof c->path, "%s", where);
    free(text);
    return r;
}

void config_free(struct config *c)
{
    struct config_pairs *both[] = {&c->alias, &c->bind};
    for (size_t i = 0; i < 2; i++) {
        while (both[i]->n)
            config_pair_drop(both[i], both[i]->pair[0].name);
        free(both[i]->pair);
    }
    *c = (struct config){0};
}

void config_value(const struct config *c, const struct conf_key *k, struct buf *out)
{
    conf_value_put(k, &c->v, out);
    buf_put_u8(out, 0);
}

/* --- what values mean --- */

static size_t put_text(char out[8], const char *bytes)
{
    return (size_t)snprintf(out, 8, "%s", bytes);
}

size_t config_key_bytes(const char *key, char out[8])
{
    static const char *const functions[] = {"\033OP",   "\033OQ",   "\033OR",   "\033OS",   "\033[15~", "\033[17~",
                                            "\033[18~", "\033[19~", "\033[20~", "\033[21~", "\033[23~", "\033[24~"};
    out[0] = '\0';
    if (key[0] == 'F' && key[1] >= '1' && key[1] <= '9') {
        char *end;
        unsigned long n = strtoul(key + 1, &end, 10);
        return *end || n > 12 ? 0 : put_text(out, functions[n - 1]);
    }
    if ((key[0] != 'C' && key[0] != 'M') || key[1] != '-' || !key[2] || key[3]) return 0;
    bool letter = (key[2] | 0x20) >= 'a' && (key[2] | 0x20) <= 'z';
    if (key[0] == 'M' && key[2] > ' ' && key[2] < 0x7f) return put_text(out, (char[]){'\033', key[2], 0});
    return key[0] == 'C' && letter ? put_text(out, (char[]){(char)(key[2] & 0x1f), 0}) : 0;
}

/* One rule and the comma behind it. */
bool config_next_rule(const char **at, struct config_rule *rule)
{
    static const struct conf_key size = {"client", "auto_accept", CONF_SIZE, 0, "0", 0, (uint64_t)1 << 40, NULL, ""};
    struct conf_fault fault;
    char text[64];
    *at += strspn(*at, " ");
    size_t from = strcspn(*at, " ,"), all = strcspn(*at, ",");
    if (from == 0 || from >= sizeof rule->from || all - from >= sizeof text) return false;
    snprintf(rule->from, sizeof rule->from, "%.*s", (int)from, *at);
    snprintf(text, sizeof text, "%.*s", (int)(all - from), *at + from);
    char *number = text + strspn(text, " ");
    while (*number && number[strlen(number) - 1] == ' ')
        number[strlen(number) - 1] = '\0';
    *at += all;
    *at += **at == ',';
    bool known = rule->from[0] == '#' ? name_valid_room(rule->from, from, NULL) : name_valid(rule->from, from, NULL);
    return known && conf_value_set(&size, &rule->size, number, &fault);
}

bool config_rings(const struct config_values *v, bool direct, bool mention)
{
    return v->notify == NOTIFY_ALL || (direct && v->notify != NOTIFY_OFF) || (mention && v->notify == NOTIFY_MENTIONS);
}

bool config_accepts(const struct config_values *v, const char *from, const char *room, uint64_t size)
{
    struct config_rule rule;
    const char *at = v->auto_accept;
    while (*at && config_next_rule(&at, &rule)) {
        bool fits = rule.from[0] == '#' ? strcasecmp(rule.from, room) == 0
                                        : strcasecmp(rule.from, "anybody") == 0 || strcasecmp(rule.from, from) == 0;
        if (fits && size <= rule.size) return true;
    }
    return false;
}
